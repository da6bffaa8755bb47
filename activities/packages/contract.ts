import type { BuildStep, PackageType, PublicationStep, RunKind } from "../../domain/packages.ts";

/** What names a run everywhere: rows, objects and workflows carry these ids. */
export interface RunIds {
  packageId: string;
  runId: string;
}

/** A run as the entity is told of it. The publication number says which order wins: the higher one. */
export interface RunOrder extends RunIds {
  kind: RunKind;
  number: number;
  /** `Demo 1.2.0`: what operators read in lists. */
  title: string;
}

/** How a run ends without having been published. */
export interface RunEnd extends RunIds {
  state: "superseded" | "failed" | "cancelled";
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
}

/** One step of a build: from where to where. */
export interface StepOrder extends RunIds {
  step: BuildStep;
  versionId: string;
  type: PackageType;
  input: Artefact;
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
  /** The path of the fixed link. */
  path: string;
}

/** One step of a publication. */
export interface PublicationStepOrder extends RunOrder {
  plan: PublicationPlan;
}

/** Why somebody has to look at a run. */
export interface ParkOrder extends RunIds {
  /** The workflow that waits, which gets the operator's decision. */
  workflowId: string;
  step: BuildStep | PublicationStep;
  reason: string;
}
