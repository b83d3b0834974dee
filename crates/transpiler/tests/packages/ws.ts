// Echoes over loopback.
import WebSocket, { WebSocketServer } from "ws";

export async function main() {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) => socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })));
  await new Promise((done) => server.on("listening", done));
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as any).port}`);
  await new Promise((done) => client.on("open", done));
  const next = () => new Promise((done) => client.once("message", (data: Buffer, isBinary: boolean) => done([data.toString(), isBinary])));
  client.send("text");
  const text = await next();
  client.send(Buffer.from("bytes"));
  const bytes = await next();
  client.terminate();
  await new Promise((done) => server.close(done));
  return [text, bytes];
}
