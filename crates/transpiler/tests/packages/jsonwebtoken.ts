// Signs and verifies.
import { generateKeyPairSync } from "node:crypto";
import jwt from "jsonwebtoken";

export function main() {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signed = jwt.sign({ name: "ada" }, privateKey, { algorithm: "ES256", expiresIn: 60 });
  const claims: any = jwt.verify(signed, publicKey);
  let refused = "";
  try { jwt.verify(`${jwt.sign({}, "secret")}x`, "secret") } catch (error: any) { refused = error.message }
  return [claims.name, claims.exp - claims.iat, refused];
}
