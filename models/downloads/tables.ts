import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from "sequelize";
import {
  DOWNLOAD_KINDS,
  DOWNLOAD_MODES,
  DOWNLOAD_STATES,
  SHARED_STATES,
  type DownloadKind,
  type DownloadMode,
  type DownloadState,
  type SharedState,
  type Wait,
} from "../../domain/downloads.ts";
import type { Failure, FailureClass } from "../../domain/downloads/failures.ts";
import type { Progress } from "../../domain/downloads/progress.ts";
import type { Fen } from "../../domain/money.ts";
import {
  bytes,
  count,
  digest,
  fen,
  flag,
  id,
  json,
  longText,
  moment,
  serial,
  state,
  text,
  times,
} from "../columns.ts";

/** One file, or all of a list, that somebody has ordered from an address. Its workflow alone changes it, once it was ordered. */
export class Download extends Model<InferAttributes<Download>, InferCreationAttributes<Download>> {
  /** What clients call a task; the workflow, its folder and its object are named by it. */
  declare id: string;
  /** The number of its entry in its owner's history. */
  declare serial: number;
  declare accountId: string;
  declare url: string;
  declare platform: string;
  declare mode: DownloadMode;
  declare quality: string;
  declare format: string;
  declare formatId: string | null;
  declare state: CreationOptional<DownloadState>;
  /** Of what is said here: counts every change but its progress. */
  declare version: CreationOptional<number>;
  declare title: CreationOptional<string | null>;
  declare author: CreationOptional<string | null>;
  declare thumbnail: CreationOptional<string | null>;
  /** Of the media. */
  declare durationMs: CreationOptional<number | null>;
  /** What it waits for while it is working, and until when, where that is known. */
  declare waitingFor: CreationOptional<Wait | null>;
  declare nextTryAt: CreationOptional<Date | null>;
  /** Tries that were begun. */
  declare attempts: CreationOptional<number>;
  declare errorCode: CreationOptional<string | null>;
  declare error: CreationOptional<string | null>;
  declare progress: CreationOptional<Progress | null>;
  declare objectKey: CreationOptional<string | null>;
  declare fileName: CreationOptional<string | null>;
  declare bytes: CreationOptional<number | null>;
  declare md5: CreationOptional<string | null>;
  declare sha256: CreationOptional<string | null>;
  /** What was held for it, and the prices that it is charged by. */
  declare holdId: CreationOptional<string | null>;
  declare priceVersion: CreationOptional<number | null>;
  declare startedAt: CreationOptional<Date | null>;
  declare completedAt: CreationOptional<Date | null>;
  /** Its file is there until then; for ever when null. */
  declare expireAt: CreationOptional<Date | null>;
  declare deletedAt: CreationOptional<Date | null>;
  /** What it shares with others, or did. */
  declare mediaId: CreationOptional<string | null>;
  /** Whether it counts among those who want that still. */
  declare isSharing: CreationOptional<boolean>;
  declare kind: CreationOptional<DownloadKind>;
  /** The list that it is on, and its place there, from 1. */
  declare parentId: CreationOptional<string | null>;
  declare position: CreationOptional<number | null>;
  /** Written down with its list, and not begun yet: no workflow has heard of it. */
  declare isHeldBack: CreationOptional<boolean>;
  /** Of a list: when its media were written down, and whether it has more than are fetched. */
  declare listedAt: CreationOptional<Date | null>;
  declare isTruncated: CreationOptional<boolean>;
  /** How often it was begun anew. */
  declare lives: CreationOptional<number>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** Media that is fetched once for all downloads that want the same, and lies in the store for as long as one does. */
export class SharedMedia extends Model<
  InferAttributes<SharedMedia>,
  InferCreationAttributes<SharedMedia>
> {
  /** The id of the download that wanted it first, where that is free: people find it by the number of a task. */
  declare id: string;
  /** What is wanted: address and format. */
  declare wishHash: string;
  /** The same while others may join; of one wish one is open. */
  declare openHash: string | null;
  /** Whose words say what is wanted. */
  declare downloadId: string;
  declare state: CreationOptional<SharedState>;
  /** How many downloads want it. */
  declare wantedBy: number;
  declare objectKey: string;
  declare fileName: CreationOptional<string | null>;
  declare bytes: CreationOptional<number | null>;
  declare md5: CreationOptional<string | null>;
  declare sha256: CreationOptional<string | null>;
  /** Why there is nothing of it. */
  declare failure: CreationOptional<Failure | null>;
  /** When it was stored, or had failed. */
  declare endedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** One try to fetch a download, or what several share. */
export class DownloadAttempt extends Model<
  InferAttributes<DownloadAttempt>,
  InferCreationAttributes<DownloadAttempt>
> {
  declare downloadId: string;
  declare number: number;
  declare toolVersion: string;
  declare failureClass: CreationOptional<FailureClass | null>;
  declare errorCode: CreationOptional<string | null>;
  declare error: CreationOptional<string | null>;
  declare startedAt: Date;
  declare endedAt: CreationOptional<Date | null>;
}

/** What a source has said of its media a short while ago. */
export class MediaParse extends Model<
  InferAttributes<MediaParse>,
  InferCreationAttributes<MediaParse>
> {
  declare addressHash: string;
  /** What clients are told of it, as JSON. */
  declare facts: string;
  /** What the tool wrote down, for it to go on with. */
  declare source: string;
  declare toolVersion: string;
  declare createdAt: CreationOptional<Date>;
  declare expiresAt: Date;
}

/** How many downloads an account has ordered on one day of Shanghai's. */
export class DownloadQuota extends Model<
  InferAttributes<DownloadQuota>,
  InferCreationAttributes<DownloadQuota>
> {
  declare accountId: string;
  /** `2026-11-21`. */
  declare day: string;
  declare used: number;
}

/** The right to fetch one file once, for a browser that cannot sign in by a header. */
export class DownloadTicket extends Model<
  InferAttributes<DownloadTicket>,
  InferCreationAttributes<DownloadTicket>
> {
  declare hash: string;
  declare downloadId: string;
  declare accountId: string;
  declare expiresAt: Date;
}

/** What has gone out of a download's file, and what is charged for all of it. */
export class DownloadTraffic extends Model<
  InferAttributes<DownloadTraffic>,
  InferCreationAttributes<DownloadTraffic>
> {
  declare downloadId: string;
  /** Of the order; of the first transfer where nothing was charged for then. */
  declare priceVersion: number;
  declare bytesOut: number;
  /** Taken or, where the balance lacked it, owed. */
  declare chargedFen: Fen;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** Binds this domain's tables. */
export function defineDownloads(sequelize: Sequelize): void {
  Download.init(
    {
      id: id({ primaryKey: true }),
      serial: serial(),
      accountId: id(),
      url: text(2048),
      platform: text(50),
      mode: state(DOWNLOAD_MODES),
      quality: text(20),
      format: text(10),
      formatId: text(121, { allowNull: true }),
      state: state(DOWNLOAD_STATES, { defaultValue: "queued" }),
      version: count({ defaultValue: 1 }),
      title: text(500, { allowNull: true }),
      author: text(200, { allowNull: true }),
      thumbnail: text(1000, { allowNull: true }),
      durationMs: bytes({ allowNull: true }),
      waitingFor: text(20, { allowNull: true }),
      nextTryAt: moment({ allowNull: true }),
      attempts: count({ defaultValue: 0 }),
      errorCode: text(64, { allowNull: true }),
      error: text(500, { allowNull: true }),
      progress: json({ allowNull: true }),
      objectKey: text(300, { allowNull: true }),
      fileName: text(255, { allowNull: true }),
      bytes: bytes({ allowNull: true }),
      md5: text(32, { allowNull: true }),
      sha256: digest({ allowNull: true }),
      holdId: id({ allowNull: true }),
      priceVersion: count({ allowNull: true }),
      startedAt: moment({ allowNull: true }),
      completedAt: moment({ allowNull: true }),
      expireAt: moment({ allowNull: true }),
      deletedAt: moment({ allowNull: true }),
      mediaId: id({ allowNull: true }),
      isSharing: flag({ defaultValue: false }),
      kind: state(DOWNLOAD_KINDS, { defaultValue: "media" }),
      parentId: id({ allowNull: true }),
      position: count({ allowNull: true }),
      isHeldBack: flag({ defaultValue: false }),
      listedAt: moment({ allowNull: true }),
      isTruncated: flag({ defaultValue: false }),
      lives: count({ defaultValue: 0 }),
      ...times(),
    },
    { sequelize, tableName: "downloads" },
  );
  SharedMedia.init(
    {
      id: id({ primaryKey: true }),
      wishHash: digest(),
      openHash: digest({ allowNull: true }),
      downloadId: id(),
      state: state(SHARED_STATES, { defaultValue: "fetching" }),
      wantedBy: count(),
      objectKey: text(300),
      fileName: text(255, { allowNull: true }),
      bytes: bytes({ allowNull: true }),
      md5: text(32, { allowNull: true }),
      sha256: digest({ allowNull: true }),
      failure: json({ allowNull: true }),
      endedAt: moment({ allowNull: true }),
      ...times(),
    },
    { sequelize, tableName: "shared_media" },
  );
  DownloadAttempt.init(
    {
      downloadId: id({ primaryKey: true }),
      number: count({ primaryKey: true }),
      toolVersion: text(40),
      failureClass: text(20, { allowNull: true }),
      errorCode: text(64, { allowNull: true }),
      error: text(500, { allowNull: true }),
      startedAt: moment(),
      endedAt: moment({ allowNull: true }),
    },
    { sequelize, tableName: "download_attempts", timestamps: false },
  );
  MediaParse.init(
    {
      addressHash: digest({ primaryKey: true }),
      facts: longText(),
      source: longText(),
      toolVersion: text(40),
      createdAt: moment(),
      expiresAt: moment(),
    },
    { sequelize, tableName: "media_parses", updatedAt: false },
  );
  DownloadQuota.init(
    {
      accountId: id({ primaryKey: true }),
      day: text(10, { primaryKey: true }),
      used: count(),
    },
    { sequelize, tableName: "download_quotas", timestamps: false },
  );
  DownloadTicket.init(
    {
      hash: digest({ primaryKey: true }),
      downloadId: id(),
      accountId: id(),
      expiresAt: moment(),
    },
    { sequelize, tableName: "download_tickets", timestamps: false },
  );
  DownloadTraffic.init(
    {
      downloadId: id({ primaryKey: true }),
      priceVersion: count(),
      bytesOut: bytes(),
      chargedFen: fen(),
      ...times(),
    },
    { sequelize, tableName: "download_traffic" },
  );
}
