import {
  Model,
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  type Sequelize,
} from "sequelize";
import { LIMITS } from "../../domain/limits.ts";
import {
  RUN_KINDS,
  RUN_STATES,
  STABLE,
  STEP_STATES,
  VERDICT_STATES,
  VERSION_STATES,
  PACKAGE_STATUSES,
  PACKAGE_TYPES,
} from "../../domain/packages.ts";
import type {
  BuildStep,
  PackageStatus,
  PackageType,
  RunKind,
  RunState,
  RunStep,
  StepState,
  Verdict,
  VersionState,
} from "../../domain/packages.ts";
import {
  bytes,
  count,
  digest,
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
import { defineSchedules } from "./schedule-table.ts";

/** One package: a name, and links that never change. */
export class Package extends Model<InferAttributes<Package>, InferCreationAttributes<Package>> {
  declare id: string;
  /** The public id, a decimal string on the wire. */
  declare serial: number;
  declare name: string;
  declare description: string | null;
  declare type: PackageType;
  declare isDistributing: CreationOptional<boolean>;
  /** The pipeline that it has chosen; the one named like its type when null. */
  declare pipeline: CreationOptional<string | null>;
  /** What the contract's clients see; kept by `keepStatus` alone. */
  declare status: CreationOptional<PackageStatus>;
  /** How many versions of each channel retention keeps; all when null. */
  declare retainedVersions: CreationOptional<number | null>;
  /** How long a version that left its link is kept for sure. */
  declare graceSeconds: CreationOptional<number>;
  /** Nobody publishes or releases what they have uploaded themselves. */
  declare requiresApproval: CreationOptional<boolean>;
  /** The run that was accepted last. */
  declare latestRunId: CreationOptional<string | null>;
  /** Since when it is being removed: nobody finds it any more, and its rows go last. */
  declare deletedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** One channel of a package: a link of its own, the numbers of its publications, and which version the link shows. */
export class PackageChannel extends Model<
  InferAttributes<PackageChannel>,
  InferCreationAttributes<PackageChannel>
> {
  declare packageId: string;
  declare name: string;
  /** The last publication number that was given out; the next accepted order takes one more. */
  declare lastNumber: CreationOptional<number>;
  /** The highest number whose publication was begun: lower ones may not touch the link any more. */
  declare publishingNumber: CreationOptional<number>;
  /** The number and version that the link is known to show. */
  declare liveNumber: CreationOptional<number>;
  declare liveVersionId: CreationOptional<string | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** One version of a package. Its original is kept for ever; `artefact*` name its published form once it is ready. */
export class PackageVersion extends Model<
  InferAttributes<PackageVersion>,
  InferCreationAttributes<PackageVersion>
> {
  declare id: string;
  declare packageId: string;
  declare version: string;
  /** The channel whose link it is published on. */
  declare channel: CreationOptional<string>;
  declare description: string | null;
  declare state: VersionState;
  /** Built and kept, and not to be seen until somebody publishes it. */
  declare isDraft: CreationOptional<boolean>;
  /** When a draft publishes itself. */
  declare publishAt: CreationOptional<Date | null>;
  declare verdict: CreationOptional<Verdict>;
  declare yankedAt: CreationOptional<Date | null>;
  declare yankReason: CreationOptional<string | null>;
  /** The gate has withdrawn it, for what was found after it was published: a release takes that back. */
  declare isYankedByGate: CreationOptional<boolean>;
  /** What the link shows in its place, from the moment it was yanked. */
  declare fallbackVersionId: CreationOptional<string | null>;
  declare fileName: string;
  declare originalKey: string;
  declare originalBytes: number;
  declare originalSha256: string;
  declare artefactKey: CreationOptional<string | null>;
  declare artefactBytes: CreationOptional<number | null>;
  declare artefactSha256: CreationOptional<string | null>;
  /** What it was first, when it was built again: the version's own address shows that for ever. */
  declare firstArtefactKey: CreationOptional<string | null>;
  declare firstArtefactBytes: CreationOptional<number | null>;
  declare firstArtefactSha256: CreationOptional<string | null>;
  /** Never removed by retention. */
  declare isPinned: CreationOptional<boolean>;
  /** When retention removed its published form; the object is gone when `artefactKey` is null. */
  declare removedAt: CreationOptional<Date | null>;
  /** What the metadata step read out of the file. */
  declare facts: CreationOptional<Record<string, unknown> | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** One accepted order on its way to the link. After its acceptance written only by activities/packages. */
export class PackageRun extends Model<
  InferAttributes<PackageRun>,
  InferCreationAttributes<PackageRun>
> {
  declare id: string;
  declare packageId: string;
  declare versionId: string;
  declare channel: CreationOptional<string>;
  declare kind: RunKind;
  /** The higher one of a channel wins. 0: it has no turn yet, or takes none. */
  declare number: number;
  /** When it is to take its turn; at once when null. */
  declare publishAt: CreationOptional<Date | null>;
  declare state: RunState;
  declare reason: CreationOptional<string | null>;
  /** Why it is to end, from the moment somebody wants that. */
  declare cancelReason: CreationOptional<string | null>;
  /** The workflow that waits for a decision while the run is parked. */
  declare parkedIn: CreationOptional<string | null>;
  /** The pipeline's version that its build goes through, since it was accepted. */
  declare pipeline: CreationOptional<string | null>;
  declare pipelineVersion: CreationOptional<number | null>;
  /** The names of all steps of its build, written down when that begins: nothing that changes later changes it. */
  declare plan: CreationOptional<BuildStep[] | null>;
  /** The step that its build begins with; the first when null. */
  declare fromStep: CreationOptional<BuildStep | null>;
  /** What its build begins with; the version's original when null. */
  declare inputKey: CreationOptional<string | null>;
  declare inputBytes: CreationOptional<number | null>;
  declare inputSha256: CreationOptional<string | null>;
  /** What it has built. */
  declare artefactKey: CreationOptional<string | null>;
  declare artefactBytes: CreationOptional<number | null>;
  declare artefactSha256: CreationOptional<string | null>;
  /** Where the whole log lies once the run has ended. */
  declare logKey: CreationOptional<string | null>;
  declare requestedById: string;
  declare requestedBy: string;
  declare requestId: string;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
  declare startedAt: CreationOptional<Date | null>;
  declare endedAt: CreationOptional<Date | null>;
  /** When its outputs were removed, some days after its end. */
  declare clearedAt: CreationOptional<Date | null>;
}

/** One step of a run, with its last attempt's outcome. */
export class PackageStep extends Model<
  InferAttributes<PackageStep>,
  InferCreationAttributes<PackageStep>
> {
  declare runId: string;
  declare position: number;
  declare name: RunStep;
  declare state: StepState;
  declare attempts: number;
  declare exitCode: CreationOptional<number | null>;
  declare reason: CreationOptional<string | null>;
  /** Where its output lies until the run is cleared; an earlier run's when this step was reused. */
  declare outputKey: CreationOptional<string | null>;
  declare outputBytes: CreationOptional<number | null>;
  declare outputSha256: CreationOptional<string | null>;
  declare startedAt: Date;
  declare endedAt: CreationOptional<Date | null>;
}

/** One thing that was found in bytes of a version, and who approved it for these very bytes. */
export class PackageFinding extends Model<
  InferAttributes<PackageFinding>,
  InferCreationAttributes<PackageFinding>
> {
  declare id: string;
  declare packageId: string;
  declare versionId: string;
  /** The run that came upon it last. */
  declare runId: string;
  /** A signature's name, or a word of `FINDINGS`. */
  declare name: string;
  declare detail: string;
  /** Of the bytes it was found in. */
  declare sha256: string;
  declare scanner: string;
  /** Which signatures the scanner had, as people know them. */
  declare signatures: CreationOptional<string | null>;
  declare foundAt: Date;
  declare approvedAt: CreationOptional<Date | null>;
  declare approvedBy: CreationOptional<string | null>;
  declare approvalReason: CreationOptional<string | null>;
}

/** That bytes of a version were scanned with a set of signatures, whatever was found. */
export class PackageScan extends Model<
  InferAttributes<PackageScan>,
  InferCreationAttributes<PackageScan>
> {
  declare versionId: string;
  declare sha256: string;
  /** The digest of the folder of signatures. */
  declare signatures: string;
  declare scannedAt: Date;
}

/** A piece of a run's log while it runs: `bytes` of UTF-8 that follow the first `offset` bytes. */
export class PackageLogChunk extends Model<
  InferAttributes<PackageLogChunk>,
  InferCreationAttributes<PackageLogChunk>
> {
  declare runId: string;
  declare sequence: number;
  declare offset: number;
  declare bytes: number;
  declare text: string;
}

/** How often one version was downloaded whole on one day (UTC), and how many bytes that were. */
export class PackageDownload extends Model<
  InferAttributes<PackageDownload>,
  InferCreationAttributes<PackageDownload>
> {
  declare packageId: string;
  /** `2026-11-21`. */
  declare day: string;
  declare version: string;
  declare channel: string;
  declare downloads: number;
  declare bytes: number;
}

/** Defines the tables of this domain on a connection. */
export function definePackages(sequelize: Sequelize): void {
  Package.init(
    {
      id: id({ primaryKey: true }),
      serial: serial({ unique: true }),
      name: text(100, { unique: true }),
      description: longText({ allowNull: true }),
      type: state(PACKAGE_TYPES),
      isDistributing: flag({ defaultValue: true }),
      pipeline: text(50, { allowNull: true }),
      status: state(PACKAGE_STATUSES, { defaultValue: "pending" }),
      retainedVersions: count({ allowNull: true }),
      graceSeconds: count({ defaultValue: LIMITS.graceHours * 3600 }),
      requiresApproval: flag({ defaultValue: false }),
      latestRunId: id({ allowNull: true }),
      deletedAt: moment({ allowNull: true }),
      ...times(),
    },
    { sequelize, tableName: "packages" },
  );
  PackageChannel.init(
    {
      packageId: id({ primaryKey: true }),
      name: text(20, { primaryKey: true }),
      lastNumber: count({ defaultValue: 0 }),
      publishingNumber: count({ defaultValue: 0 }),
      liveNumber: count({ defaultValue: 0 }),
      liveVersionId: id({ allowNull: true }),
      ...times(),
    },
    { sequelize, tableName: "package_channels" },
  );
  PackageVersion.init(
    {
      id: id({ primaryKey: true }),
      packageId: id(),
      version: text(50),
      channel: text(20, { defaultValue: STABLE }),
      description: longText({ allowNull: true }),
      state: state(VERSION_STATES),
      isDraft: flag({ defaultValue: false }),
      publishAt: moment({ allowNull: true }),
      verdict: state(VERDICT_STATES, { defaultValue: "pending" }),
      yankedAt: moment({ allowNull: true }),
      yankReason: longText({ allowNull: true }),
      isYankedByGate: flag({ defaultValue: false }),
      fallbackVersionId: id({ allowNull: true }),
      fileName: text(255),
      originalKey: text(500),
      originalBytes: bytes(),
      originalSha256: digest(),
      artefactKey: text(500, { allowNull: true }),
      artefactBytes: bytes({ allowNull: true }),
      artefactSha256: digest({ allowNull: true }),
      firstArtefactKey: text(500, { allowNull: true }),
      firstArtefactBytes: bytes({ allowNull: true }),
      firstArtefactSha256: digest({ allowNull: true }),
      isPinned: flag({ defaultValue: false }),
      removedAt: moment({ allowNull: true }),
      facts: json({ allowNull: true }),
      ...times(),
    },
    { sequelize, tableName: "package_versions" },
  );
  PackageRun.init(
    {
      id: id({ primaryKey: true }),
      packageId: id(),
      versionId: id(),
      channel: text(20, { defaultValue: STABLE }),
      kind: state(RUN_KINDS),
      number: count(),
      publishAt: moment({ allowNull: true }),
      state: state(RUN_STATES),
      reason: longText({ allowNull: true }),
      cancelReason: longText({ allowNull: true }),
      parkedIn: text(255, { allowNull: true }),
      pipeline: text(50, { allowNull: true }),
      pipelineVersion: count({ allowNull: true }),
      plan: json({ allowNull: true }),
      fromStep: text(20, { allowNull: true }),
      inputKey: text(500, { allowNull: true }),
      inputBytes: bytes({ allowNull: true }),
      inputSha256: digest({ allowNull: true }),
      artefactKey: text(500, { allowNull: true }),
      artefactBytes: bytes({ allowNull: true }),
      artefactSha256: digest({ allowNull: true }),
      logKey: text(500, { allowNull: true }),
      requestedById: id(),
      requestedBy: text(255),
      requestId: text(255),
      ...times(),
      startedAt: moment({ allowNull: true }),
      endedAt: moment({ allowNull: true }),
      clearedAt: moment({ allowNull: true }),
    },
    { sequelize, tableName: "package_runs" },
  );
  PackageStep.init(
    {
      runId: id({ primaryKey: true }),
      position: count(),
      name: text(20, { primaryKey: true }),
      state: state(STEP_STATES),
      attempts: count(),
      exitCode: count({ allowNull: true }),
      reason: longText({ allowNull: true }),
      outputKey: text(500, { allowNull: true }),
      outputBytes: bytes({ allowNull: true }),
      outputSha256: digest({ allowNull: true }),
      startedAt: moment(),
      endedAt: moment({ allowNull: true }),
    },
    { sequelize, tableName: "package_steps", timestamps: false },
  );
  defineSchedules(sequelize);
  defineFindings(sequelize);
  PackageLogChunk.init(
    {
      runId: id({ primaryKey: true }),
      sequence: count({ primaryKey: true }),
      offset: bytes(),
      bytes: count(),
      text: longText(),
    },
    { sequelize, tableName: "package_log_chunks", timestamps: false },
  );
  PackageDownload.init(
    {
      packageId: id({ primaryKey: true }),
      day: text(10, { primaryKey: true }),
      version: text(50, { primaryKey: true }),
      channel: text(20, { primaryKey: true }),
      downloads: count(),
      bytes: bytes(),
    },
    { sequelize, tableName: "package_downloads", timestamps: false },
  );
}

function defineFindings(sequelize: Sequelize): void {
  PackageFinding.init(
    {
      id: id({ primaryKey: true }),
      packageId: id(),
      versionId: id(),
      runId: id(),
      name: text(200),
      detail: longText(),
      sha256: digest(),
      scanner: text(100),
      signatures: text(200, { allowNull: true }),
      foundAt: moment(),
      approvedAt: moment({ allowNull: true }),
      approvedBy: text(255, { allowNull: true }),
      approvalReason: longText({ allowNull: true }),
    },
    { sequelize, tableName: "package_findings", timestamps: false },
  );
  PackageScan.init(
    {
      versionId: id({ primaryKey: true }),
      sha256: digest({ primaryKey: true }),
      signatures: digest({ primaryKey: true }),
      scannedAt: moment(),
    },
    { sequelize, tableName: "package_scans", timestamps: false },
  );
}
