// The work, and then a wait, for whoever looks at what a sandbox takes.
import { createHash } from "node:crypto";

export async function run(payload) {
  const digest = createHash("sha256").update(payload.text).digest("hex");
  console.log("waiting");
  await new Promise((resolve) => setTimeout(resolve, payload.milliseconds));
  return digest;
}
