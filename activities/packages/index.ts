import { createBuildActivities } from "./build.ts";
import { createDoorActivities } from "./doors.ts";
import { createPublicationActivities } from "./publication.ts";
import { createRescanActivities } from "./rescans.ts";
import { createRetentionActivities } from "./retention.ts";
import { createRunActivities } from "./runs.ts";
import { createScheduleActivities } from "./schedules.ts";
import type { PackageTools } from "./tools.ts";

/** Everything here may run twice. Each comment says why that does no harm. */
export function createPackageActivities(tools: PackageTools) {
  return {
    ...createRunActivities(tools),
    ...createBuildActivities(tools),
    ...createPublicationActivities(tools),
    ...createDoorActivities(tools),
    ...createRescanActivities(tools),
    ...createRetentionActivities(tools),
    ...createScheduleActivities(tools),
  };
}

export type PackageActivities = ReturnType<typeof createPackageActivities>;
