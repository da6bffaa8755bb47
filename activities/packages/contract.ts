import type { BuildStep, PackageType, RunKind, RunStep } from "../../domain/packages.ts";

/** What names a run everywhere: rows, objects and workflows carry these ids. */
export interface RunIds {
  packageId: string;
  runId: string;
}

/** A run as the entity is told of it. Of one channel the order with the higher publication number wins. */
export interface RunOrder extends RunIds {
  kind: RunKind;
  versionId: string;
  channel: string;
  /** 0: it has no turn yet, or takes none. */
  number: number;
  /** When it takes its turn, in epoch milliseconds; at once when not given. */
  publishAt?: number;
  /** `Demo 1.2.0`: what operators read in lists. */
  title: string;
}

/** How a run ends without having been published: `succeeded` when that was not its aim. */
export interface RunEnd extends RunIds {
  state: "succeeded" | "superseded" | "failed" | "cancelled" | "quarantined";
  reason: string;
}

/** An object and what must be true of it. */
export interface Artefact {
  key: string;
  bytes: number;
  sha256: string;
}

/** What a build is about, read once when it begins. */
export interface BuildPlan {
  /** False when the run has already ended: then nothing is to be done. */
  open: boolean;
  type: PackageType;
  version: string;
  versionId: string;
  steps: BuildStep[];
  original: Artefact;
  /** How long each step may last and how often it is tried, by its name. */
  rules?: Record<string, StepRule>;
  /** True when that is what an earlier run has left: if it is gone, there is nobody to ask. */
  isKept?: boolean;
}

/** What a pipeline says of a step's patience. */
export interface StepRule {
  timeoutSeconds: number;
  tries: number;
  pauseSeconds: number;
}

/** One step of a build: from where to where. */
export interface StepOrder extends RunIds {
  step: BuildStep;
  versionId: string;
  type: PackageType;
  input: Artefact;
  /** True when an earlier run has left the input. */
  isKept?: boolean;
  /** How many times this step has failed and was begun again by the workflow. */
  tries: number;
}

/** What the link is to show: bytes, and the facts that are switched together with them. */
export interface LinkTarget {
  artefact: Artefact;
  number: number;
  versionId: string;
  version: string;
  fileName: string;
}

/** Where a publication goes, read once when it begins. */
export interface PublicationPlan {
  target: LinkTarget;
  /** What the link showed before, to be put back when an operator gives up. */
  previous: LinkTarget | null;
  /** The path of the link. */
  path: string;
  /** Every path under which edges may keep what the link shows. */
  paths: string[];
}

/** A version is withdrawn: its own run, and the publication that takes its place on the link. */
export interface YankOrder {
  yank: RunOrder;
  fallback: RunOrder | null;
}

/** Whose addresses edges are to forget: one version's with its channel's link, or all of a package's. */
export interface DoorOrder {
  packageId: string;
  versionId?: string;
  /** The run that this is part of. */
  runId?: string;
}

/** One step of a publication. */
export interface PublicationStepOrder extends RunOrder {
  plan: PublicationPlan;
}

/** Why somebody has to look at a run. */
export interface ParkOrder extends RunIds {
  /** The workflow that waits, which gets the operator's decision. */
  workflowId: string;
  step: RunStep;
  reason: string;
}
