import { expect, test } from "vitest";
import type { Database } from "../../models/database.ts";
import {
  Disk,
  DiskLease,
  endOverdueRoom,
  endRoomLease,
  forgetDisks,
  knownDisks,
  leaseRoom,
  noteDisk,
  watchDisk,
} from "../../models/disks/index.ts";
import { Account } from "../../models/accounts.ts";
import { FeedFrame } from "../../models/feeds/index.ts";
import { newId, sha256 } from "../../platform/crypto.ts";
import { ADMIN } from "../support/actors.ts";
import { describeDatabases } from "../support/database.ts";

const [DISK, OTHER] = [sha256("one"), sha256("other")];
const seen = (usedBytes: number, id = DISK) => ({
  id,
  name: `machine ${id.slice(0, 4)}`,
  capacityBytes: 1000,
  usedBytes,
});
const lease = (database: Database, holder: string, bytes: number, more: object = {}) =>
  leaseRoom(database, { holder, disk: DISK, bytes, roomBytes: 1000, seconds: 60, ...more });
const leased = async (id = DISK) => (await Disk.findByPk(id))!.leasedBytes;

describeDatabases(({ open }) => {
  test("thirty race for room that is enough for three, and three get it", async () => {
    const database = await open();
    await noteDisk(database, seen(0));
    const holders = Array.from({ length: 30 }, () => newId());

    const given = await Promise.all(holders.map((holder) => lease(database, holder, 300)));

    expect(given.filter((is) => is)).toHaveLength(3);
    expect([await leased(), await DiskLease.count()]).toEqual([900, 3]);
    expect(await lease(database, newId(), 100)).toBe(true);
    expect(await lease(database, newId(), 1)).toBe(false);
    const first = holders[given.indexOf(true)]!;
    await Promise.all([endRoomLease(database, first), endRoomLease(database, first)]);
    expect(await leased()).toBe(700);
  });

  test("a lease grows where there is room, shrinks always, and goes with its holder to another disk", async () => {
    const database = await open();
    await noteDisk(database, seen(0));
    await noteDisk(database, seen(0, OTHER));
    const holder = newId();
    await lease(database, holder, 600);
    await lease(database, newId(), 300);

    expect(await lease(database, holder, 600)).toBe(true);
    expect(await lease(database, holder, 800)).toBe(false);
    expect([await leased(), (await DiskLease.findByPk(holder))!.bytes]).toEqual([900, 600]);
    // Others have filled the disk meanwhile: what is given back is given back all the same.
    expect(await lease(database, holder, 200, { roomBytes: -5 })).toBe(true);
    expect(await leased()).toBe(500);
    expect(await lease(database, holder, 900, { disk: OTHER, roomBytes: 899 })).toBe(false);
    expect(await lease(database, holder, 900, { disk: OTHER })).toBe(true);
    expect([await leased(), await leased(OTHER)]).toEqual([300, 900]);
  });

  test("what a killed worker has leased is free again, and a disk that nobody sees is forgotten", async () => {
    const database = await open();
    await noteDisk(database, seen(0));
    await lease(database, newId(), 400, { seconds: -1 });
    await lease(database, newId(), 100);

    await forgetDisks(database, new Date(Date.now() + 1000));
    expect(await knownDisks()).toHaveLength(1);
    expect(await endOverdueRoom(database, new Date())).toBe(1);
    expect(await endOverdueRoom(database, new Date())).toBe(0);
    expect(await leased()).toBe(100);
    await DiskLease.destroy({ where: {} });
    await forgetDisks(database, new Date(Date.now() + 1000));
    expect(await knownDisks()).toEqual([]);
  });

  test("people are told once that a disk fills up, by whichever worker, and again when it was empty meanwhile", async () => {
    const database = await open();
    const person = { passwordHash: "h", isActive: true };
    await Account.create({ ...person, id: ADMIN.accountId, username: "a", role: "admin" });
    await Account.create({ ...person, id: newId(), username: "b", role: "user" });
    const look = (usedBytes: number) => watchDisk(database, seen(usedBytes), 85);

    const told = await Promise.all([look(850), look(850), look(860)]);

    expect(told.filter((is) => is)).toHaveLength(1);
    expect([await look(840), await look(860)]).toEqual([false, false]);
    expect([await look(810), await look(855)]).toEqual([false, true]);
    const frames = await FeedFrame.findAll({ order: [["seq", "ASC"]] });
    expect(frames.map(({ accountId, event }) => [accountId, event])).toEqual(
      Array.from({ length: 2 }, () => [ADMIN.accountId, "notification"]),
    );
    expect(frames[1]!.body).toContain("85 % full");
  });
});
