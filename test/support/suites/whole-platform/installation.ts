import type { Client } from "@temporalio/client";
import type { PackageClient } from "../../package-client.ts";
import type { RiggedTools } from "../../rigged-tools.ts";

/** A platform that runs, in either profile, as its tests see it. */
export interface Installation {
  client: PackageClient;
  tools: RiggedTools;
  /** Its namespace, as an operator sees it. */
  temporal: Client;
  /** The folder that everything it does with files lies in. */
  folder: string;
  /** What nobody may find anywhere, by its name. */
  secrets: Record<string, string>;
  /** Everything that it has logged and that its database holds, by where it was found. */
  readEverything(): Promise<Record<string, string>>;
  /** Runs `npm run admin:password` and answers what it said. */
  renewPassword(): Promise<string>;
  /** Signs in anew with this password. */
  password: string;
}
