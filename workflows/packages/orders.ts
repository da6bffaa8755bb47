import { defineUpdate, setHandler } from "@temporalio/workflow";
import type { DoorOrder, RunIds, RunOrder, YankOrder } from "../../activities/packages/contract.ts";
import type { Caller } from "../../domain/accounts.ts";
import { currentCaller } from "../helpers/caller.ts";
import type { Closings } from "./closings.ts";
import type { Follower } from "./follower.ts";
import type { Keeper } from "./retention.ts";
import type { Timetable } from "./timetable.ts";

/** A new original was accepted: build it, then publish it. Twice is harmless: a run that ended stays ended. */
export const replacePackage = defineUpdate<void, [RunOrder]>("replacePackage");

/** A version is to be built again, then published. */
export const rebuildVersion = defineUpdate<void, [RunOrder]>("rebuildVersion");

/** An earlier version is to be shown again, through the same publication. */
export const rollBackPackage = defineUpdate<void, [RunOrder]>("rollBackPackage");

/** A draft is to be published, now or when its time has come. */
export const publishVersion = defineUpdate<void, [RunOrder]>("publishVersion");

/** A version was withdrawn: tell the edges, and publish what takes its place. */
export const yankVersion = defineUpdate<void, [YankOrder]>("yankVersion");

/** Somebody wants a run to end, wherever it is. The database knows why. */
export const cancelRun = defineUpdate<void, [RunIds]>("cancelRun");

/** Doors were shut: tell the edges. */
export const closeDoors = defineUpdate<void, [DoorOrder]>("closeDoors");

/** How many versions are kept was changed, or which ones may go: look what is to be removed. */
export const keepVersions = defineUpdate<void, [DoorOrder]>("keepVersions");

/** The package's schedule was set, changed or removed: bring Temporal to it. */
export const followSchedule = defineUpdate<void, [DoorOrder]>("followSchedule");

/** The package is to go: end all work on it and remove what is left of it. */
export const removePackage = defineUpdate<void, [DoorOrder]>("removePackage");

/** An order, and who gave it. */
export interface AcceptedOrder extends RunOrder {
  caller?: Caller | undefined;
}

/** Where the package's workflow is told what to do. */
export interface Desk {
  /** True as soon as the package is to be removed. */
  readonly removing: boolean;
}

/** Who does what the desk takes in, beside what is built and published. */
interface Staff {
  timetable: Timetable;
  closings: Closings;
  keeper: Keeper;
  follower: Follower;
}

/** Takes in what the package's workflow is told, from now on; what is to be built or published goes to `begin`. */
export function openDesk(
  { timetable, closings, keeper, follower }: Staff,
  begin: (order: AcceptedOrder) => void,
): Desk {
  let removing = false;
  const accept = (order: RunOrder) => begin({ ...order, caller: currentCaller() });
  setHandler(replacePackage, accept, { description: "Build and publish an accepted original." });
  setHandler(rebuildVersion, accept, { description: "Build a version again and publish it." });
  setHandler(rollBackPackage, accept, { description: "Publish an earlier version again." });
  setHandler(
    publishVersion,
    (order) => {
      timetable.revoke(order.versionId, order.runId);
      accept(order);
    },
    { description: "Publish a draft, now or at its time." },
  );
  setHandler(
    yankVersion,
    ({ yank, fallback }) => {
      const { packageId, versionId } = yank;
      timetable.revoke(versionId, yank.runId);
      closings.add({ packageId, versionId, run: yank, caller: currentCaller() });
      if (fallback) accept(fallback);
    },
    { description: "Tell edges of a withdrawn version; publish what takes its place." },
  );
  setHandler(closeDoors, (order) => closings.add({ ...order, caller: currentCaller() }), {
    description: "Tell edges that doors were shut.",
  });
  setHandler(keepVersions, () => keeper.look(), {
    description: "Look which versions are too many.",
  });
  setHandler(followSchedule, () => follower.follow(), {
    description: "Bring the schedule to what was said.",
  });
  setHandler(removePackage, () => void (removing = true), {
    description: "End all work on the package and remove it.",
  });
  return {
    get removing() {
      return removing;
    },
  };
}
