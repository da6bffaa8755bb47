export { endOverdueRoom, endRoomLease, leaseRoom, type RoomOrder } from "./leases.ts";
export { defineDisks, Disk, DiskLease } from "./tables.ts";
export { forgetDisks, knownDisks, noteDisk, type SeenDisk, watchDisk } from "./watching.ts";
