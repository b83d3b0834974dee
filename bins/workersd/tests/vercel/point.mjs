// A preload that points every program that uses the SDK, the command line too, at the server $SANDBOX_BASE_URL:
//   SANDBOX_BASE_URL=http://127.0.0.1:3001/api node --import ./point.mjs program.mjs
if (!process.env.SANDBOX_BASE_URL) throw new Error("SANDBOX_BASE_URL is not set; it is where the API is, as http://127.0.0.1:3001/api");

const hosted = "https://vercel.com/api/";
const ours = `${process.env.SANDBOX_BASE_URL.replace(/\/$/, "")}/`;
const send = globalThis.fetch;

globalThis.fetch = (target, options) => {
  const url = target instanceof Request ? target.url : String(target);
  return send(url.startsWith(hosted) ? ours + url.slice(hosted.length) : target, options);
};
