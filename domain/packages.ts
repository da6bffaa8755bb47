import { refusal } from "./errors.ts";
import type { Issue } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/** What a package is, told from its content; also the extension of its links. */
export const PACKAGE_TYPES = ["apk", "ipa", "zip", "exe"] as const;
export type PackageType = (typeof PACKAGE_TYPES)[number];

/**
 * A version is built once: `ready` when its published form is kept, `failed` when it never will be, `removed` when it
 * was kept and retention took it away. Its original stays.
 */
export const VERSION_STATES = ["processing", "ready", "failed", "removed"] as const;
export type VersionState = (typeof VERSION_STATES)[number];

/** A run is one accepted upload or rollback, from its acceptance to the moment the link shows it, or not. */
export const RUN_STATES = [
  "queued",
  "running",
  "parked",
  "succeeded",
  "superseded",
  "failed",
  "cancelled",
  "quarantined",
] as const;
export type RunState = (typeof RUN_STATES)[number];

/** Where a run may go from where it is. States without a way out are final. */
export const RUN_MOVES: Record<RunState, readonly RunState[]> = {
  queued: ["running", "superseded", "failed", "cancelled"],
  running: ["parked", "succeeded", "superseded", "failed", "cancelled", "quarantined"],
  parked: ["running", "superseded", "failed", "cancelled"],
  succeeded: [],
  superseded: [],
  failed: [],
  cancelled: [],
  quarantined: [],
};

export function isFinal(state: RunState): boolean {
  return RUN_MOVES[state].length === 0;
}

/** The states from which a run may come to `state`: the condition of the UPDATE that moves it. */
export function statesBefore(state: RunState): RunState[] {
  return RUN_STATES.filter((from) => RUN_MOVES[from].includes(state));
}

/** What started a run: `publish` brings a draft to its link, `yank` takes a version back from every edge. */
export const RUN_KINDS = ["upload", "rebuild", "release", "rollback", "publish", "yank"] as const;
export type RunKind = (typeof RUN_KINDS)[number];

/** The kinds of runs that build before they publish. */
export const BUILD_KINDS = ["upload", "rebuild", "release"] as const satisfies readonly RunKind[];

/** Whether a run of this kind begins with a build. */
export function isBuild(kind: RunKind): boolean {
  return (BUILD_KINDS as readonly RunKind[]).includes(kind);
}

/** The name of a step that makes the published form out of an original: the frame's, or one of the pipeline's. */
export type BuildStep = string;

/** The steps that bring a built version to the fixed link. */
export const PUBLICATION_STEPS = ["switch", "purge", "check"] as const;
export type PublicationStep = (typeof PUBLICATION_STEPS)[number];

/** The name of any step of a run. */
export type RunStep = string;

/** Where the steps of publications stand in a run: behind every pipeline's. */
export const PUBLICATION_POSITION = 1_000;

/** `reused`: not run again, its output is an earlier run's. */
export const STEP_STATES = ["running", "succeeded", "failed", "reused"] as const;
export type StepState = (typeof STEP_STATES)[number];

/** What a caller of the contract sees: a package is a success as soon as one version is live. */
export const PACKAGE_STATUSES = [
  "pending",
  "processing",
  "processed_success",
  "processed_failed",
] as const;
export type PackageStatus = (typeof PACKAGE_STATUSES)[number];

export function packageStatus(live: boolean, latestRun: RunState | undefined): PackageStatus {
  if (live) return "processed_success";
  switch (latestRun) {
    case undefined:
    case "queued":
    // A run that succeeded and left nothing live: a draft was kept, or the live version was yanked.
    case "succeeded":
      return "pending";
    case "running":
    case "parked":
      return "processing";
    case "superseded":
    case "failed":
    case "cancelled":
    case "quarantined":
      return "processed_failed";
  }
}

/** How lists of what belongs to a package may be sorted, and how the list of packages. */
export const LIST_SORTS = ["newest", "oldest"] as const;
export type ListSort = (typeof LIST_SORTS)[number];
export const PACKAGE_SORTS = [...LIST_SORTS, "updated", "name"] as const;
export type PackageSort = (typeof PACKAGE_SORTS)[number];

/** Where things lie in the object store. `id` is the package's UUID. */
export const packageKeys = {
  folder: (id: string) => `packages/${id}/`,
  original: (id: string, versionId: string) => `packages/${id}/originals/${versionId}`,
  runFolder: (id: string, runId: string) => `packages/${id}/runs/${runId}/`,
  stepFolder: (id: string, runId: string, step: BuildStep) =>
    `packages/${id}/runs/${runId}/${step}/`,
  /** Each turn of a step writes to its own: a worker that was thought dead cannot replace what a later turn handed on. */
  step: (id: string, runId: string, step: BuildStep, turn: number) =>
    `packages/${id}/runs/${runId}/${step}/${turn}`,
  log: (id: string, runId: string) => `packages/${id}/logs/${runId}`,
  /** Immutable: the digest is in the key, so other bytes are another key. */
  version: (id: string, versionId: string, sha256: string) =>
    `packages/${id}/versions/${versionId}/${sha256}`,
  icon: (id: string, versionId: string, sha256: string) =>
    `packages/${id}/versions/${versionId}/icons/${sha256}`,
  versionFolder: (id: string, versionId: string) => `packages/${id}/versions/${versionId}/`,
  live: (id: string, channel: string) =>
    channel === STABLE ? `packages/${id}/live` : `packages/${id}/channels/${channel}`,
};

/** The channel that is meant when none is named. Its link is called `release`. */
export const STABLE = "stable";
const STABLE_LINK = "release";
const CHANNEL_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?$/;

/** The name of a channel as people and links say it: `release` is stable. */
export function channelOf(name: string): string {
  return name === STABLE_LINK ? STABLE : name;
}

/** What is wrong with a channel's name; names are refused, never repaired. */
export function channelIssues(channel: string): Issue[] {
  return CHANNEL_PATTERN.test(channel)
    ? []
    : [
        {
          path: "channel",
          message: "must have 1–20 lower-case letters, digits or -, with no - at its ends",
        },
      ];
}

/** The path of a channel's link, which never changes. */
export function fixedPath(serial: string, channel: string, type: PackageType): string {
  return `/dist/${serial}/${channel === STABLE ? STABLE_LINK : channel}.${type}`;
}

/** Every path under which a channel's link is known: the one that is told, and for stable its own name. */
export function linkPaths(serial: string, channel: string, type: PackageType): string[] {
  const told = fixedPath(serial, channel, type);
  return channel === STABLE ? [told, `/dist/${serial}/${STABLE}.${type}`] : [told];
}

/** The channel that a link's file name means for a package of this type; undefined when it is no link's. */
export function channelInLink(file: string, type: PackageType): string | undefined {
  const ending = `.${type}`;
  if (!file.endsWith(ending)) return undefined;
  const channel = channelOf(file.slice(0, -ending.length));
  return channelIssues(channel).length === 0 ? channel : undefined;
}

/**
 * What the gate says of a version. `pending`: it was not looked at to the end. Only what is `clear` may be published;
 * `held` waits for a person, `rejected` is for ever.
 */
export const VERDICT_STATES = ["pending", "clear", "held", "rejected"] as const;
export type Verdict = (typeof VERDICT_STATES)[number];

/** Which verdict may follow which. What a person released is looked at to the end, or is clear if it was before. */
export const VERDICT_MOVES: Record<Verdict, readonly Verdict[]> = {
  pending: ["clear", "held"],
  clear: ["held"],
  held: ["pending", "clear", "rejected"],
  rejected: [],
};

/** What a step found in a package: a signature's name, or one of these words. */
export const FINDINGS = {
  encrypted: "Entries are encrypted: no scanner can look into them.",
  oversize: "There is more to unpack than a scanner looks at.",
  disguised: "Entries are not what the directory says of them: a scanner misses what is in them.",
  "not-scanned": "The malware scan is configured, and no step has scanned this version.",
} as const;

/** One thing that was found. The same name in the same bytes is the same finding. */
export interface Finding {
  name: string;
  /** Where, or what that means, in a sentence. */
  detail: string;
}

/** What of a version decides about its doors. */
export interface VersionFlags {
  version: string;
  state: VersionState;
  isDraft: boolean;
  verdict: Verdict;
  yankedAt: Date | null;
  yankReason: string | null;
}

/** Who comes to a door, and for what. */
interface Visit {
  /** The version that is live now, told to those who come for one that is gone. */
  instead?: string | undefined;
  /** Somebody who may see drafts. */
  insider?: boolean;
  /** For the original, which is kept when the published form is not. */
  original?: boolean;
}

/**
 * Why a version's bytes may not leave, through whichever door; undefined when they may. Every door asks here and
 * nowhere else.
 */
export function closedDoor(
  owner: { isDistributing: boolean },
  version: VersionFlags,
  { instead, insider = false, original = false }: Visit = {},
): ReturnType<typeof refusal> | undefined {
  if (!owner.isDistributing) {
    return refusal("packages/not-distributing", "Package distribution is disabled");
  }
  const decided = decidedAgainst(version, instead);
  if (decided) return decided;
  if (version.verdict === "pending") return notPublished();
  if (version.state === "removed" && !original) {
    const { next, hint } = hintOf(version, instead);
    const gone = `Version ${version.version} is not kept any more. ${hint}`;
    return refusal("packages/version-removed", gone, { fields: { live_version: next } });
  }
  return version.isDraft && !insider ? notPublished() : undefined;
}

/** What a person or the gate has decided against a version: it was yanked, rejected or is held. Undefined: nothing. */
export function decidedAgainst(
  flags: Pick<VersionFlags, "version" | "verdict" | "yankedAt" | "yankReason">,
  instead?: string,
): ReturnType<typeof refusal> | undefined {
  const { version, verdict, yankedAt, yankReason } = flags;
  const { next, hint } = hintOf(flags, instead);
  if (yankedAt) {
    return refusal("packages/version-yanked", `Version ${version} was withdrawn. ${hint}`, {
      fields: { reason: yankReason, live_version: next },
    });
  }
  if (verdict === "rejected") {
    return refusal("packages/version-rejected", `Version ${version} was rejected.`);
  }
  if (verdict === "held") {
    return refusal("packages/version-held", `Version ${version} is held until it was looked at.`);
  }
  return undefined;
}

/** What to take in the place of a version that cannot be had. */
function hintOf({ version }: Pick<VersionFlags, "version">, instead?: string) {
  const next = instead && instead !== version ? instead : null;
  return {
    next,
    hint: next ? `Take version ${next} instead.` : "Nothing has taken its place yet.",
  };
}

/** The refusal of what needs the bytes of a version that retention has removed. */
export function notKept(version: string): ReturnType<typeof refusal> {
  return refusal(
    "packages/version-not-ready",
    `Version ${version} was removed by the package's retention. Rebuild it from its original instead.`,
  );
}

/** The refusal of an address under which nothing is published, or nothing that a stranger may know of. */
export function notPublished(): ReturnType<typeof refusal> {
  return refusal("packages/not-published", "Nothing is published at this address yet.");
}

/** The path of one version, fixed in its bytes too. */
export function versionPath(serial: string, version: string, fileName: string): string {
  return `/dist/${serial}/v/${version}/${encodeURIComponent(fileName)}`;
}

const VERSION_PATTERN = /^[0-9A-Za-z][0-9A-Za-z.+_-]{0,49}$/;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const encoder = new TextEncoder();

/** What is wrong with a package's name; names are refused, never repaired. */
export function nameIssues(name: string): Issue[] {
  const issue = (message: string) => [{ path: "name", message }];
  if (name.trim() === "") return issue("must not be empty");
  if (Array.from(name).length > LIMITS.packageNameCharacters) {
    return issue(`must have at most ${LIMITS.packageNameCharacters} characters`);
  }
  if (encoder.encode(name).length > LIMITS.packageNameBytes) {
    return issue(`must have at most ${LIMITS.packageNameBytes} bytes`);
  }
  if (CONTROL.test(name) || /[/\\]/.test(name)) {
    return issue("must not contain control characters, / or \\");
  }
  return [];
}

/** What is wrong with a version; versions are refused, never repaired. */
export function versionIssues(version: string): Issue[] {
  return VERSION_PATTERN.test(version)
    ? []
    : [
        {
          path: "version",
          message: "must have 1–50 letters, digits or . + _ -, and begin with a letter or digit",
        },
      ];
}

/** A file name fit to be shown: without folders and control characters, at most 200 bytes, its ending kept. */
export function shownFileName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? "";
  const characters = Array.from(last).filter((character) => !CONTROL.test(character));
  const clean = characters.join("").trim();
  if (clean === "" || clean === "." || clean === "..") return "package";
  const dot = clean.lastIndexOf(".");
  const ending = dot > 0 && clean.length - dot <= 16 ? clean.slice(dot) : "";
  let stem = Array.from(clean.slice(0, clean.length - ending.length));
  while (encoder.encode(stem.join("") + ending).length > LIMITS.fileNameBytes) {
    stem = stem.slice(0, -1);
  }
  return stem.join("") + ending;
}

/** A package keeps the type of its first upload, because its link carries it. */
export function assertSameType(type: PackageType, uploaded: PackageType): void {
  if (type === uploaded) return;
  throw refusal(
    "packages/type-changed",
    `This package is an ${type}, the file is an ${uploaded}. Upload it as a new package.`,
  );
}

/** The types of failure that a step answers with; the workflow tells by them what to do. */
export const STEP_FAILURES = {
  /** The content is bad: the run fails, trying again would not help. */
  content: "packages/bad-content",
  /** Something was found that a person has to look at: the version is held. */
  finding: "packages/finding",
  /** A tool, the store or the network is broken: tried again a few times, then a person is asked. */
  broken: "packages/step-broken",
} as const;
