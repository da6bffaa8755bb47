import { ApplicationFailure, ApplicationFailureCategory } from "@temporalio/common";
import type {
  Artefact,
  BuildPlan,
  PublicationPlan,
  RunEnd,
  RunOrder,
  StepOrder,
} from "../../../activities/packages/contract.ts";
import type { PackageActivities } from "../../../activities/packages/index.ts";
import {
  STABLE,
  STEP_FAILURES,
  type BuildStep,
  type PackageType,
} from "../../../domain/packages.ts";

/** The number that a retry takes: later than all that tests give out. */
export const NEXT_NUMBER = 1_000;

/** What happened, in order: the name of the activity and the run it was about, `switchLink:run-1`. */
export interface FakePackages {
  activities: PackageActivities;
  happened: string[];
}

/** The failure of a broken tool, as the real activities throw it. */
export function broken(reason: string): ApplicationFailure {
  return stepFailure(reason, STEP_FAILURES.broken);
}

/** The failure of bad content, as the real activities throw it. */
export function badContent(reason: string): ApplicationFailure {
  return stepFailure(reason, STEP_FAILURES.content);
}

/** The failure of a step that has found something, as the real activities throw it. */
export function finding(reason: string): ApplicationFailure {
  return stepFailure(reason, STEP_FAILURES.finding);
}

function stepFailure(message: string, type: string): ApplicationFailure {
  const category = ApplicationFailureCategory.BENIGN;
  return ApplicationFailure.create({ message, type, nonRetryable: true, category });
}

/** Activities that remember what was asked of them and answer at once; `instead` puts others in their place. */
export function fakePackages(
  instead: Partial<PackageActivities> = {},
  {
    type = "zip",
    steps = ["metadata", "checksums"],
  }: { type?: PackageType; steps?: BuildStep[] } = {},
): FakePackages {
  const happened: string[] = [];
  const artefact = (key: string): Artefact => ({ key, bytes: 1, sha256: "0".repeat(64) });
  const highest: Record<string, number> = {};
  const answers: PackageActivities = {
    beginBuild: async ({ runId }): Promise<BuildPlan> => ({
      open: true,
      type,
      version: "1.0.0",
      versionId: `version-${runId}`,
      steps,
      original: artefact("original"),
    }),
    runBuildStep: async ({ step }: StepOrder) => artefact(step),
    parkRun: async () => {},
    resumeRun: async () => NEXT_NUMBER,
    endRun: async () => {},
    keepLog: async () => {},
    clearRunOutputs: async () => 0,
    findRescans: async () => [],
    rescanVersion: async () => [],
    openPublication: async ({
      number,
      runId,
      channel,
    }: RunOrder): Promise<PublicationPlan | null> => {
      if (number < (highest[channel] ?? 0)) return null;
      highest[channel] = number;
      const target = { number, versionId: `version-${runId}`, version: "1.0.0", fileName: "a.zip" };
      return {
        target: { ...target, artefact: artefact("version") },
        previous: null,
        path: "/dist/1/release.zip",
        paths: ["/dist/1/release.zip", "/dist/1/stable.zip"],
      };
    },
    switchLink: async () => {},
    purgeLink: async () => {},
    checkLink: async () => {},
    restoreLink: async () => {},
    recordLive: async () => false,
    takePublicationTurn: async () => ({ number: (highest[STABLE] ?? 0) + 1 }),
    purgeDoors: async () => {},
    removePackageObjects: async () => {},
    forgetPackage: async () => {},
    retireVersions: async () => ({ removed: [], graces: [] }),
    clearVersions: async () => {},
    tellOverdue: async () => null,
    followSchedule: async () => {},
    takeTick: async ({ tickId }) => ({ runId: tickId }),
    awaitRun: async () => "succeeded",
  };
  const remembering = Object.entries({ ...answers, ...instead }).map(([name, answer]) => [
    name,
    async (order: Partial<StepOrder & RunEnd> = {}) => {
      const what = order.state ?? order.step;
      happened.push([name, order.runId, what].filter(Boolean).join(":"));
      return (answer as (given: unknown) => Promise<unknown>)(order);
    },
  ]);
  return { happened, activities: Object.fromEntries(remembering) as PackageActivities };
}

/** An order of the package `p`. */
export function orderOf(
  runId: string,
  number: number,
  kind: RunOrder["kind"] = "upload",
  channel: string = STABLE,
): RunOrder {
  const title = `Demo ${runId}`;
  return { packageId: "p", runId, versionId: `version-${runId}`, channel, number, kind, title };
}
