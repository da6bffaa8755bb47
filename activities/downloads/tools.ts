import type { ReportProgress } from "../../domain/feeds.ts";
import type { Database } from "../../models/database.ts";
import type { SeenDisk } from "../../models/disks/index.ts";
import type { Bus } from "../../platform/bus.ts";
import type { Egress } from "../../platform/egress/index.ts";
import type { ObjectStore } from "../../platform/objects/index.ts";
import type { PartFolders } from "../../platform/part-folders.ts";
import type { Shell } from "../../platform/shell.ts";
import type { MediaTool } from "../../platform/yt-dlp/index.ts";

/** What an operator has decided about downloads. */
export interface DownloadSettings {
  quickTtlSeconds: number;
  maxBytes: number;
  retryPausesSeconds: readonly number[];
  isCharged: boolean;
  /** How many one account may order a day; undefined where the balance decides. */
  dailyQuota: number | undefined;
}

/** The disk that unfinished files lie on. */
export interface PartsDisk {
  measure: () => Promise<SeenDisk>;
  /** What the files of a folder take. */
  bytesIn: (folder: string) => Promise<number>;
  /** Leases fill it so far and no further. */
  limitPercent: number;
}

/** What the activities of downloads work with. */
export interface DownloadTools {
  database: Database;
  objects: ObjectStore;
  bus: Bus;
  /** The way out, which judges every host. */
  egress: Egress;
  /** Why nothing is fetched from an address, by its form; undefined when something may be. */
  faultOf: (address: string) => string | undefined;
  reportProgress: ReportProgress;
  parts: PartFolders;
  disk: PartsDisk;
  /** yt-dlp, once it was found. */
  mediaTool: () => MediaTool | undefined;
  downloadSettings: DownloadSettings;
  withScratch: Shell["withScratch"];
  /** What was sealed for `place`, in clear. */
  unseal: (sealed: string, place: string) => string;
}
