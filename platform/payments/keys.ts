import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";

/** An RSA private key out of PEM, or out of the base64 of PKCS#8 or PKCS#1; undefined when the text holds none. */
export function readPrivateKey(text: string): KeyObject | undefined {
  if (isPem(text)) return rsa(() => createPrivateKey(text));
  const key = Buffer.from(text, "base64");
  const read = (type: "pkcs8" | "pkcs1") =>
    rsa(() => createPrivateKey({ key, format: "der", type }));
  return read("pkcs8") ?? read("pkcs1");
}

/** An RSA public key out of PEM, or out of the base64 of its SubjectPublicKeyInfo; undefined when the text holds none. */
export function readPublicKey(text: string): KeyObject | undefined {
  if (isPem(text)) return rsa(() => createPublicKey(text));
  const key = Buffer.from(text, "base64");
  return rsa(() => createPublicKey({ key, format: "der", type: "spki" }));
}

function isPem(text: string): boolean {
  return text.includes("-----BEGIN ");
}

function rsa(read: () => KeyObject): KeyObject | undefined {
  try {
    const key = read();
    return key.asymmetricKeyType === "rsa" ? key : undefined;
  } catch {
    return undefined;
  }
}
