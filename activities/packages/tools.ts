import type { ReportProgress } from "../../domain/feeds.ts";
import type { References } from "../../domain/pipelines.ts";
import type { Edge } from "../../platform/edge/index.ts";
import type { Fault } from "../../platform/faults.ts";
import type { Bus } from "../../platform/bus.ts";
import type { ObjectStore } from "../../platform/objects/index.ts";
import type { Schedules } from "../../platform/schedules.ts";
import type { Shell } from "../../platform/shell.ts";
import type { openStepLog } from "../../platform/step-log.ts";
import type { readArchive } from "../../platform/archive.ts";
import type { readEntries } from "../../platform/archive-entries.ts";
import type { readPlist } from "../../platform/plist.ts";
import type { readSignatures } from "../../platform/signatures.ts";
import type { Database } from "../../models/database.ts";

/** What the activities of packages work with. Opened once by the worker and handed in. */
export interface PackageTools {
  database: Database;
  objects: ObjectStore;
  shell: Shell;
  edge: Edge;
  bus: Bus;
  reportProgress: ReportProgress;
  /** Passes a place at which a test may end the worker. */
  fault: Fault;
  schedules: Schedules;
  openStepLog: typeof openStepLog;
  readArchive: typeof readArchive;
  readEntries: typeof readEntries;
  readPlist: typeof readPlist;
  readSignatures: typeof readSignatures;
  /** Blanks out secrets in a text. */
  redact: (text: string) => string;
  settings: PackageSettings;
}

export interface PackageSettings {
  /** Folder of ClamAV signatures; packages are scanned when given. */
  scanSignatures?: string | undefined;
  /** Command with `{input}` and `{output}`; packages are hardened with it when given. */
  hardenCommand?: readonly string[] | undefined;
  /** What pipelines may refer to, by kind and name. */
  references: References;
  /** The address of the API for clients, and the one a publication is checked through. */
  publicUrl: string;
  publicationCheckUrl: string;
  /** Values that must never reach a log. */
  secrets: readonly string[];
}
