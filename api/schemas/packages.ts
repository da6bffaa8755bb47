import { z } from "zod";
import {
  channelIssues,
  channelOf,
  fixedPath,
  nameIssues,
  PACKAGE_STATUSES,
  PACKAGE_TYPES,
  RUN_KINDS,
  RUN_STATES,
  STABLE,
  STEP_STATES,
  VERDICT_STATES,
  VERSION_STATES,
  versionIssues,
  versionPath,
} from "../../domain/packages.ts";
import type { Issue } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import type {
  Package,
  PackageFinding,
  PackageRun,
  PackageStep,
  PackageVersion,
} from "../../models/packages/index.ts";

const HOUR_SECONDS = 3600;
import { FactsOut, presentFacts } from "./packages/facts.ts";
import { wholeNumber } from "../validation.ts";

const checked = (issues: (text: string) => Issue[]) =>
  z.string().superRefine((text, context) => {
    for (const { message } of issues(text)) context.addIssue(message);
  });

/** A package's public id: a decimal string. */
const Serial = z.string().regex(/^\d{1,15}$/, "must be a package id, a whole number");
export const Version = checked(versionIssues);
/** The name of a channel; `release` is another name of stable. */
export const Channel = z.string().transform(channelOf).pipe(checked(channelIssues));
const Description = z.string().max(LIMITS.descriptionCharacters);
const Sha256 = z
  .string()
  .regex(/^[0-9a-fA-F]{64}$/, "must be a sha256 of 64 hexadecimal digits")
  .transform((text) => text.toLowerCase());
const Pipeline = z.string().min(1).max(50);
const Moment = z.iso.datetime({ offset: true });

export const PackageId = z.strictObject({ id: Serial });
export const RunId = z.strictObject({ id: Serial, run: z.uuid() });
export const VersionOf = z.strictObject({ id: Serial, version: Version });

export const NewPackage = z.strictObject({
  name: checked(nameIssues),
  version: Version,
  description: Description.optional(),
  sha256: Sha256.optional(),
  channel: Channel.default(STABLE),
  /** Build and keep it, and show it to nobody until it is published. */
  draft: z.stringbool().default(false),
  /** What it goes through; the one named like its type when not given. */
  pipeline: Pipeline.nullable().default(null),
});
export const NewVersion = NewPackage.omit({ name: true, pipeline: true });
export const PackageChange = z
  .strictObject({
    description: Description.nullable(),
    /** What it goes through from now on; the one named like its type when null. */
    pipeline: Pipeline.nullable(),
    is_distributing: z.boolean(),
    /** How many versions of each channel are kept; all when null. */
    retained_versions: z.number().int().min(1).max(LIMITS.retainedVersions).nullable(),
    /** How long a version that left its link is kept for sure; parts of an hour are allowed. */
    grace_hours: z.number().min(0).max(LIMITS.longestGraceHours),
    /** Nobody publishes or releases what they have uploaded; said by who administers the package. */
    requires_approval: z.boolean(),
  })
  .partial();
/** Deleting asks for the package's name, so that no wrong id removes what cannot come back. */
export const Deletion = z.strictObject({ name: z.string() });
export const VersionChange = z
  .strictObject({
    description: Description.nullable(),
    /** Never removed by retention. */
    pinned: z.boolean(),
  })
  .partial();
export const Publication = z.strictObject({ at: z.iso.datetime({ offset: true }).optional() });
export const Yank = z.strictObject({
  reason: z.string().trim().min(1).max(500),
  /** Let the link show what it showed before. */
  fallback: z.boolean().default(false),
});
/** Why a person lets a held version pass, or never. */
export const Decision = z.strictObject({ reason: z.string().trim().min(1).max(500) });
export const Rollback = z.strictObject({
  version: Version,
  /** Say what would happen, and change nothing. */
  dry_run: z.boolean().default(false),
});
export const Rebuild = z.strictObject({
  version: Version,
  /** The first step that runs again. */
  from_step: z.string().max(20).optional(),
  /** The sha256 of an original, or of a step's output, to begin with. */
  input: Sha256.optional(),
});
export const Cancellation = z.strictObject({ reason: z.string().trim().min(1).max(500) });
export const Resolve = z.strictObject({
  action: z.enum(["retry", "abort"]),
  reason: z.string().trim().min(1).max(500),
});
export const LogQuery = z.strictObject({
  follow: z.stringbool().default(false),
  after: wholeNumber(0).prefault(0),
});
export const PackageQuestion = z.object({
  package_id: Serial.optional(),
  package_name: z.string().max(LIMITS.packageNameBytes).optional(),
  channel: Channel.default(STABLE),
});
export const SignedQuery = z.strictObject({
  expires: wholeNumber(0),
  signature: z.string().max(200),
});
export const FixedLink = z.strictObject({ id: Serial, file: z.string() });
export const VersionLink = z.strictObject({ id: Serial, version: Version, file: z.string() });

export const RunSummary = z.strictObject({
  id: z.uuid(),
  kind: z.enum(RUN_KINDS),
  version: z.string(),
  channel: z.string(),
  status: z.enum(RUN_STATES),
  reason: z.string().nullable(),
  /** The version of the pipeline that its build goes through; the step that it begins with, if not the first, and what it begins with, if not the original. */
  pipeline: z.strictObject({ name: z.string(), version: z.number().int() }).nullable(),
  from_step: z.string().nullable(),
  input_sha256: z.string().nullable(),
  /** When a timed publication is due. */
  publish_at: Moment.nullable(),
  requested_by: z.string(),
  created_at: Moment,
  started_at: Moment.nullable(),
  ended_at: Moment.nullable(),
});

const VersionBytes = z.strictObject({
  version: z.string(),
  sha256: z.string().nullable(),
  bytes: z.number().int().nullable(),
});

/** What a rollback would do. */
export const RollbackForecast = z.strictObject({
  dry_run: z.literal(true),
  channel: z.string(),
  /** What the link shows now; null when it shows nothing. */
  from: VersionBytes.nullable(),
  to: VersionBytes,
  /** Whether it would be accepted and its bytes are there. */
  passes: z.boolean(),
  /** What it would be refused with. */
  refusal: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  /** Whether the version's bytes are in the store, in their full length. */
  kept: z.boolean(),
  /** The addresses that edges would be told to forget. */
  purges: z.array(z.string()),
  /** What is under way and has its turn before. */
  before: z.array(RunSummary),
  /** What is to be published at a time, and would show its version after it. */
  after: z.array(RunSummary),
});

const StepOut = z.strictObject({
  name: z.string(),
  status: z.enum(STEP_STATES),
  attempts: z.number().int(),
  exit_code: z.number().int().nullable(),
  reason: z.string().nullable(),
  output_size: z.number().int().nullable(),
  output_sha256: z.string().nullable(),
  started_at: Moment,
  ended_at: Moment.nullable(),
});

export const RunOut = RunSummary.extend({
  steps: z.array(StepOut),
  log_url: z.string(),
  /** Where an operator looks at it in Temporal's Web UI; null for those who may not administer. */
  temporal_url: z.string().nullable(),
});

const FindingOut = z.strictObject({
  /** A signature's name, or `encrypted`, `oversize`, `disguised`, `not-scanned`. */
  name: z.string(),
  detail: z.string(),
  /** Of the bytes it was found in. */
  sha256: z.string(),
  scanner: z.string(),
  signatures: z.string().nullable(),
  run: z.uuid(),
  found_at: Moment,
  approved_at: Moment.nullable(),
  approved_by: z.string().nullable(),
  approval_reason: z.string().nullable(),
});

export const VersionOut = z.strictObject({
  ...FactsOut.shape,
  version: z.string(),
  channel: z.string(),
  description: z.string().nullable(),
  status: z.enum(VERSION_STATES),
  live: z.boolean(),
  draft: z.boolean(),
  pinned: z.boolean(),
  /** When retention took its bytes away; its original is kept. */
  removed_at: Moment.nullable(),
  publish_at: Moment.nullable(),
  verdict: z.enum(VERDICT_STATES),
  findings: z.array(FindingOut),
  yanked_at: Moment.nullable(),
  yank_reason: z.string().nullable(),
  file_name: z.string(),
  /** What its own address shows: its first build. */
  file_size: z.number().int().nullable(),
  sha256: z.string().nullable(),
  /** What it was built into last, which links show; null while that is the first. */
  rebuilt: z.strictObject({ file_size: z.number().int(), sha256: z.string() }).nullable(),
  original_size: z.number().int(),
  original_sha256: z.string(),
  metadata: z.record(z.string(), z.unknown()),
  download_url: z.string().nullable(),
  created_at: Moment,
});

export const PackageOut = z.strictObject({
  id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  type: z.enum(PACKAGE_TYPES),
  /** What it has chosen to go through; null: the pipeline named like its type. */
  pipeline: z.string().nullable(),
  current_version: z.string(),
  status: z.enum(PACKAGE_STATUSES),
  download_url: z.string().nullable(),
  original_download_url: z.string().nullable(),
  file_size: z.number().int().nullable(),
  sha256: z.string().nullable(),
  is_distributing: z.boolean(),
  retained_versions: z.number().int().nullable(),
  grace_hours: z.number(),
  requires_approval: z.boolean(),
  live_version: z.string().nullable(),
  channels: z.array(
    z.strictObject({
      name: z.string(),
      live_version: z.string().nullable(),
      download_url: z.string().nullable(),
    }),
  ),
  latest_run: RunSummary.nullable(),
  created_at: Moment,
  updated_at: Moment,
});

/** What a deletion answers: the package is gone for everybody, its name is free when its objects are removed. */
export const DeletionOut = z.strictObject({
  id: z.string(),
  name: z.string(),
  status: z.literal("removing"),
});

/** What 202 answers: the package, and the run that was started. */
export const AcceptedOut = PackageOut.extend({ run: RunSummary });

export const PackagesOut = z.strictObject({
  items: z.array(PackageOut),
  next: z.string().nullable(),
});
export const VersionsOut = z.strictObject({
  items: z.array(VersionOut),
  next: z.string().nullable(),
});
/** What an ordered scan answers: what it finds is told by `findings` and the webhook of the gate. */
export const RescanOut = z.strictObject({
  package: z.string(),
  version: z.string(),
  status: z.literal("scanning"),
});

/** What waits for a person's decision, with its package. */
export const QuarantineOut = z.strictObject({
  items: z.array(
    VersionOut.extend({ package: z.strictObject({ id: z.string(), name: z.string() }) }),
  ),
  next: z.string().nullable(),
});
export const RunsOut = z.strictObject({ items: z.array(RunSummary), next: z.string().nullable() });

/** The answer that package clients rely on, field for field. */
export const PackageAnswer = z.strictObject({
  package_id: z.string(),
  package_name: z.string(),
  package_type: z.enum(PACKAGE_TYPES),
  version: z.string(),
  status: z.string(),
  download_url: z.string(),
  original_download_url: z.string().nullable(),
  file_size: z.number().int(),
  sha256: z.string(),
  original_package_version: z.string(),
  expire_time: z.literal(""),
});

/** A package with what is told beside it. */
export interface PackageView {
  row: Package;
  live: PackageVersion | undefined;
  /** The live version, else the newest. */
  shown: PackageVersion;
  channels: { name: string; live: PackageVersion | undefined }[];
  latestRun: { run: PackageRun; version: string } | undefined;
  originalUrl: string | null;
}

export function presentPackage(
  { row, live, shown, channels, latestRun, originalUrl }: PackageView,
  publicUrl: string,
): z.input<typeof PackageOut> {
  const linkOf = (channel: string) => publicUrl + fixedPath(String(row.serial), channel, row.type);
  return {
    id: String(row.serial),
    name: row.name,
    description: row.description,
    type: row.type,
    pipeline: row.pipeline,
    current_version: shown.version,
    status: row.status,
    download_url: live ? linkOf(STABLE) : null,
    original_download_url: originalUrl,
    file_size: live?.artefactBytes ?? null,
    sha256: live?.artefactSha256 ?? null,
    is_distributing: live !== undefined && row.isDistributing,
    retained_versions: row.retainedVersions,
    grace_hours: row.graceSeconds / HOUR_SECONDS,
    requires_approval: row.requiresApproval,
    live_version: live?.version ?? null,
    channels: channels.map(({ name, live: onLink }) => ({
      name,
      live_version: onLink?.version ?? null,
      download_url: onLink ? linkOf(name) : null,
    })),
    latest_run: latestRun ? presentRunSummary(latestRun.run, latestRun.version) : null,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

export function presentVersion(
  version: PackageVersion,
  { owner, isLive, findings }: { owner: Package; isLive: boolean; findings: PackageFinding[] },
  publicUrl: string,
): z.input<typeof VersionOut> {
  const path = versionPath(String(owner.serial), version.version, version.fileName);
  return {
    ...presentFacts(version, owner, publicUrl),
    version: version.version,
    channel: version.channel,
    description: version.description,
    status: version.state,
    live: isLive,
    draft: version.isDraft,
    pinned: version.isPinned,
    removed_at: version.removedAt?.toISOString() ?? null,
    publish_at: version.publishAt?.toISOString() ?? null,
    verdict: version.verdict,
    findings: findings.filter(({ versionId }) => versionId === version.id).map(presentFinding),
    yanked_at: version.yankedAt?.toISOString() ?? null,
    yank_reason: version.yankReason,
    file_name: version.fileName,
    file_size: version.firstArtefactBytes ?? version.artefactBytes,
    sha256: version.firstArtefactSha256 ?? version.artefactSha256,
    rebuilt: version.firstArtefactKey
      ? { file_size: version.artefactBytes!, sha256: version.artefactSha256! }
      : null,
    original_size: version.originalBytes,
    original_sha256: version.originalSha256,
    metadata: version.facts ?? {},
    download_url: version.state === "ready" ? publicUrl + path : null,
    created_at: version.createdAt.toISOString(),
  };
}

function presentFinding(finding: PackageFinding): z.input<typeof FindingOut> {
  return {
    name: finding.name,
    detail: finding.detail,
    sha256: finding.sha256,
    scanner: finding.scanner,
    signatures: finding.signatures,
    run: finding.runId,
    found_at: finding.foundAt.toISOString(),
    approved_at: finding.approvedAt?.toISOString() ?? null,
    approved_by: finding.approvedBy,
    approval_reason: finding.approvalReason,
  };
}

export function presentRunSummary(run: PackageRun, version: string): z.input<typeof RunSummary> {
  return {
    id: run.id,
    kind: run.kind,
    version,
    channel: run.channel,
    status: run.state,
    reason: run.reason,
    pipeline:
      run.pipeline !== null && run.pipelineVersion !== null
        ? { name: run.pipeline, version: run.pipelineVersion }
        : null,
    from_step: run.fromStep,
    input_sha256: run.inputSha256,
    publish_at: run.publishAt?.toISOString() ?? null,
    requested_by: run.requestedBy,
    created_at: run.createdAt.toISOString(),
    started_at: run.startedAt?.toISOString() ?? null,
    ended_at: run.endedAt?.toISOString() ?? null,
  };
}

export function presentStep(step: PackageStep): z.input<typeof StepOut> {
  return {
    name: step.name,
    status: step.state,
    attempts: step.attempts,
    exit_code: step.exitCode,
    reason: step.reason,
    output_size: step.outputBytes,
    output_sha256: step.outputSha256,
    started_at: step.startedAt.toISOString(),
    ended_at: step.endedAt?.toISOString() ?? null,
  };
}
