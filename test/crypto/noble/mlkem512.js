// One ML-KEM-512 operation of @noble/post-quantum: a JSON object of hex strings
// on standard input, one on standard output.
import { readFileSync } from "node:fs";
import { ml_kem512 } from "@noble/post-quantum/ml-kem";

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const bytes = (text) => new Uint8Array(Buffer.from(text, "hex"));
const request = JSON.parse(readFileSync(0, "utf8"));
const { publicKey, secretKey } = ml_kem512.keygen(bytes(request.seed));
const sent = ml_kem512.encapsulate(publicKey);
console.log(JSON.stringify({
  publicKey: hex(publicKey),
  secret: hex(sent.sharedSecret),
  ciphertext: hex(sent.cipherText),
  opened: request.ciphertexts.map((c) => hex(ml_kem512.decapsulate(bytes(c), secretKey))),
}));
