import { fileURLToPath } from "node:url";
import { deriveKey } from "../../platform/crypto.ts";
import { pythonWithAll } from "../../test/support/services/python.ts";
import { type Peer, startServing } from "../processes.ts";

const PROGRAM = fileURLToPath(new URL("validate.py", import.meta.url));
const DISTRIBUTIONS = ["flask==3.1.3", "sqlalchemy==2.1.9", "pymysql==1.2.4", "waitress==3.0.2"];

/** Starts bench/peers/validate.py; undefined, and said so, where Python or its packages cannot be had. */
export async function startFlask(
  databaseUrl: string,
  secretKey: string,
): Promise<Peer | undefined> {
  const python = await pythonWithAll("python-flask-peer", DISTRIBUTIONS).catch((error: unknown) => {
    console.log(`Flask is not compared: ${String(error)}`);
    return undefined;
  });
  if (!python) return undefined;
  return startServing(["python3", PROGRAM], /(http:\S+)/, {
    PYTHONPATH: python["PYTHONPATH"] ?? "",
    DATABASE: databaseUrl.replace(/^mysql:/, "mysql+pymysql:"),
    HASH_KEY: deriveKey(secretKey, "card-hashes").toString("hex"),
  });
}
