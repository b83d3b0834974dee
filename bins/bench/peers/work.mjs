// The work, the same for all: take a parsed payload, print a line, answer with the SHA-256 of a member.
import { createHash } from "node:crypto";

export async function run(payload) {
  console.log("hashing " + payload.text);
  return createHash("sha256").update(payload.text).digest("hex");
}
