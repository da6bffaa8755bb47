import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Op,
  type Sequelize,
  type Transaction,
} from "sequelize";
import { SCENE_STATES, type SceneState } from "../../domain/accounts.ts";
import { LIMITS } from "../../domain/limits.ts";
import { digest, id, moment, secondsAfter, state, text } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { auditAccount, type Origin } from "./audit.ts";

/** The WeChat of an account: each has at most one, and each belongs to one. */
export class WechatIdentity extends Model<
  InferAttributes<WechatIdentity>,
  InferCreationAttributes<WechatIdentity>
> {
  declare accountId: string;
  declare openid: string;
  declare unionid: string | null;
  declare nickname: string | null;
  declare avatar: string | null;
  declare boundAt: CreationOptional<Date>;
}

/** Whom WeChat named. */
export type WechatNamed = Pick<WechatIdentity, "openid" | "unionid" | "nickname" | "avatar">;

/** One sign-in by WeChat, from the picture to the tokens. Every step of it has the same time, and time is compared. */
export class WechatScene extends Model<
  InferAttributes<WechatScene>,
  InferCreationAttributes<WechatScene>
> {
  declare id: string;
  /** The sha256 of what whoever shows the picture holds. */
  declare hash: string;
  declare deviceType: string;
  declare state: SceneState;
  declare openid: CreationOptional<string | null>;
  declare unionid: CreationOptional<string | null>;
  declare nickname: CreationOptional<string | null>;
  declare avatar: CreationOptional<string | null>;
  /** What binds this WeChat to an account: its sha256, and itself sealed for whoever polls. */
  declare sessionHash: CreationOptional<string | null>;
  declare sessionSealed: CreationOptional<string | null>;
  declare accountId: CreationOptional<string | null>;
  declare expiresAt: Date;
  declare confirmedAt: CreationOptional<Date | null>;
  declare collectedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
}

/** Begins to wait for somebody to scan. */
export async function openScene(
  database: Database,
  scene: Pick<WechatScene, "id" | "hash" | "deviceType">,
  now = new Date(),
): Promise<void> {
  const expiresAt = endOf(now);
  await inTransaction(database, (transaction) =>
    WechatScene.create({ ...scene, state: "pending", expiresAt }, { transaction }),
  );
}

/** The scene that this is the digest of, in time or not. */
export async function findScene(hash: string): Promise<WechatScene | null> {
  return WechatScene.findOne({ where: { hash } });
}

/** The WeChat that waits to be bound by whoever holds what this is the digest of. */
export async function findScanned(
  sessionHash: string,
  now = new Date(),
): Promise<WechatScene | null> {
  return WechatScene.findOne({ where: { sessionHash, ...waiting("scanned", now) } });
}

/** The WeChat of an account. */
export async function wechatOf(accountId: string): Promise<WechatIdentity | null> {
  return WechatIdentity.findByPk(accountId);
}

/** The account that a WeChat is bound to. */
export async function findByWechat(
  { openid, unionid }: Pick<WechatNamed, "openid" | "unionid">,
  transaction?: Transaction,
): Promise<WechatIdentity | null> {
  const either = unionid === null ? [{ openid }] : [{ openid }, { unionid }];
  return WechatIdentity.findOne({
    where: { [Op.or]: either },
    ...(transaction && { transaction }),
  });
}

/** What a scan makes of a scene: a sign-in where the WeChat is bound, else something to bind it by. */
export type Scan = { accountId: string } | { sessionHash: string; sessionSealed: string };

/** Notes who scanned. False when the scene is not waiting any more: then nothing changes. */
export async function noteScan(
  database: Database,
  hash: string,
  person: WechatNamed,
  scan: Scan,
  now = new Date(),
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const [noted] = await WechatScene.update(
      { ...person, ...scanned(scan, now), expiresAt: endOf(now) },
      { where: { hash, ...waiting("pending", now) }, transaction },
    );
    return noted === 1;
  });
}

/** A scan of a picture that nobody polls for. */
export async function openScanned(
  database: Database,
  scene: Pick<WechatScene, "id" | "hash">,
  person: WechatNamed,
  scan: Scan,
  now = new Date(),
): Promise<void> {
  const row = { ...scene, ...person, ...scanned(scan, now), deviceType: "", expiresAt: endOf(now) };
  await inTransaction(database, (transaction) => WechatScene.create(row, { transaction }));
}

/** Claims the one answer of a scene that holds tokens. False when somebody has. */
export async function collectScene(
  database: Database,
  sceneId: string,
  now = new Date(),
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const [claimed] = await WechatScene.update(
      { collectedAt: now },
      { where: { id: sceneId, collectedAt: null, ...waiting("confirmed", now) }, transaction },
    );
    return claimed === 1;
  });
}

/** What became of a wish to bind a WeChat: `taken` by another account, the account has `another`, the scene `ended`. */
export type Bound =
  | { identity: WechatIdentity; isOld: boolean }
  | { refused: "taken" | "another" | "ended" };

/** Binds a WeChat to an account, and ends the scene that it was scanned in. Nothing changes when it is refused. */
export async function bindWechat(
  database: Database,
  accountId: string,
  from: WechatNamed | WechatScene,
  origin: Origin,
): Promise<Bound> {
  const attempt = () =>
    inTransaction(database, async (transaction) => {
      const bound = await bindWithin(accountId, from, transaction);
      if ("refused" in bound || bound.isOld) return bound;
      await auditAccount(origin, "accounts.wechat-bound", accountId, transaction, {
        after: { openid: from.openid },
      });
      return bound;
    });
  try {
    return await attempt();
  } catch (error) {
    if (!isTaken(error)) throw error;
    return attempt(); // Somebody bound at the same moment: now it shows.
  }
}

/** The same within a transaction that audits what it does. */
export async function bindWithin(
  accountId: string,
  from: WechatNamed | WechatScene,
  transaction: Transaction,
  now = new Date(),
): Promise<Bound> {
  const { openid, unionid, nickname, avatar } = from;
  const holder = await findByWechat({ openid: openid!, unionid }, transaction);
  if (holder && holder.accountId !== accountId) return { refused: "taken" };
  if (!holder && (await WechatIdentity.findByPk(accountId, { transaction }))) {
    return { refused: "another" };
  }
  if (from instanceof WechatScene && !(await confirmScene(from.id, accountId, transaction, now))) {
    return { refused: "ended" };
  }
  const named = { openid: openid!, unionid, nickname, avatar };
  const identity =
    holder ?? (await WechatIdentity.create({ accountId, ...named, boundAt: now }, { transaction }));
  return { identity, isOld: holder !== null };
}

/** Takes the WeChat from an account. False when it has none. */
export async function unbindWechat(
  database: Database,
  accountId: string,
  origin: Origin,
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const identity = await WechatIdentity.findByPk(accountId, { transaction });
    if (!identity) return false;
    if (!(await WechatIdentity.destroy({ where: { accountId }, transaction }))) return false;
    await auditAccount(origin, "accounts.wechat-unbound", accountId, transaction, {
      before: { openid: identity.openid },
    });
    return true;
  });
}

/** Removes scenes that ended before `before`; answers how many. */
export async function forgetScenes(database: Database, before: Date): Promise<number> {
  return inTransaction(database, (transaction) =>
    WechatScene.destroy({ where: { expiresAt: { [Op.lt]: before } }, transaction }),
  );
}

async function confirmScene(
  sceneId: string,
  accountId: string,
  transaction: Transaction,
  now: Date,
): Promise<boolean> {
  const [confirmed] = await WechatScene.update(
    { ...scanned({ accountId }, now), expiresAt: endOf(now) },
    { where: { id: sceneId, ...waiting("scanned", now) }, transaction },
  );
  return confirmed === 1;
}

function scanned(scan: Scan, now: Date) {
  if ("sessionHash" in scan) return { ...scan, state: "scanned" as const };
  const done = { sessionHash: null, sessionSealed: null, confirmedAt: now };
  return { ...scan, ...done, state: "confirmed" as const };
}

function waiting(in_: SceneState, now: Date) {
  return { state: in_, expiresAt: { [Op.gt]: now } };
}

function endOf(now: Date): Date {
  return secondsAfter(now, LIMITS.sceneSeconds);
}

/** Binds the tables of this file. */
export function defineWechat(sequelize: Sequelize): void {
  const named = {
    unionid: text(128, { allowNull: true }),
    nickname: text(100, { allowNull: true }),
    avatar: text(255, { allowNull: true }),
  };
  WechatIdentity.init(
    { accountId: id({ primaryKey: true }), openid: text(128), ...named, boundAt: moment() },
    { sequelize, timestamps: false, tableName: "wechat_identities" },
  );
  WechatScene.init(
    {
      id: id({ primaryKey: true }),
      hash: digest(),
      deviceType: text(20),
      state: state(SCENE_STATES),
      openid: text(128, { allowNull: true }),
      ...named,
      sessionHash: digest({ allowNull: true }),
      sessionSealed: text(255, { allowNull: true }),
      accountId: id({ allowNull: true }),
      expiresAt: moment(),
      confirmedAt: moment({ allowNull: true }),
      collectedAt: moment({ allowNull: true }),
      createdAt: moment(),
    },
    { sequelize, updatedAt: false, tableName: "wechat_scenes" },
  );
}
