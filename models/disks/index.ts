export { endOverdueRoom, endRoomLease, leaseRoom } from "./leases.ts";
export { defineDisks, Disk, DiskLease } from "./tables.ts";
export { forgetDisks, knownDisks, noteDisk, type SeenDisk, watchDisk } from "./watching.ts";
