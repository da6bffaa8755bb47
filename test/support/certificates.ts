import { generateKeyPairSync, sign } from "node:crypto";

const DER = { integer: 0x02, bits: 0x03, text: 0x0c, time: 0x18, sequence: 0x30, set: 0x31 };
const ECDSA_WITH_SHA256 = Buffer.from("06082a8648ce3d040302", "hex");
const COMMON_NAME = Buffer.from("0603550403", "hex");

/** A certificate that signs itself, and that nobody trusts, with its key: what a stand-in needs to speak TLS (RFC 5280). */
export function makeCertificate(name: string): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = der(DER.sequence, ECDSA_WITH_SHA256);
  const common = der(DER.sequence, COMMON_NAME, der(DER.text, Buffer.from(name)));
  const subject = der(DER.sequence, der(DER.set, common));
  const [from, until] = ["20260101000000Z", "20990101000000Z"].map((moment) =>
    der(DER.time, Buffer.from(moment)),
  ) as [Buffer, Buffer];
  const signed = der(
    DER.sequence,
    der(DER.integer, Buffer.of(1)),
    algorithm,
    subject,
    der(DER.sequence, from, until),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
  );
  const signature = der(DER.bits, Buffer.of(0), sign("sha256", signed, privateKey));
  const whole = der(DER.sequence, signed, algorithm, signature).toString("base64");
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${whole}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  };
}

/** One thing in DER: what it is, how long it is, and what is in it. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}
