import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from "sequelize";
import {
  type FrameEvent,
  type Phase,
  TASK_STATES,
  type TaskKind,
  type TaskState,
} from "../../domain/feeds.ts";
import { count, id, longText, moment, serial, state, text, times } from "../columns.ts";

/** All that an account is told of, in one order. */
export class Feed extends Model<InferAttributes<Feed>, InferCreationAttributes<Feed>> {
  declare accountId: string;
  /** The number of its newest frame. Whoever adds one counts it up, and so holds the row until the commit. */
  declare lastSeq: number;
  /** What was told up to this number is not all kept any more. */
  declare forgottenSeq: CreationOptional<number>;
}

/** What an account was told and what is kept of it: everything but progress. */
export class FeedFrame extends Model<
  InferAttributes<FeedFrame>,
  InferCreationAttributes<FeedFrame>
> {
  declare accountId: string;
  declare seq: number;
  declare event: FrameEvent;
  declare kind: CreationOptional<TaskKind | null>;
  declare taskId: CreationOptional<string | null>;
  /** JSON, as it is sent. */
  declare body: string;
  declare createdAt: CreationOptional<Date>;
}

/** A task as it stands now: its newest status, and of its progress the newest alone. */
export class FeedTask extends Model<InferAttributes<FeedTask>, InferCreationAttributes<FeedTask>> {
  declare id: string;
  declare accountId: string;
  declare kind: TaskKind;
  declare state: TaskState;
  declare statusSeq: number;
  declare statusEvent: FrameEvent;
  declare statusBody: string;
  declare phase: CreationOptional<Phase | null>;
  /** In tenths of a percent. */
  declare permille: CreationOptional<number | null>;
  declare progressSeq: CreationOptional<number | null>;
  declare progressBody: CreationOptional<string | null>;
  declare endedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** Binds this domain's tables. */
export function defineFeeds(sequelize: Sequelize): void {
  Feed.init(
    {
      accountId: id({ primaryKey: true }),
      lastSeq: serial(),
      forgottenSeq: serial({ defaultValue: 0 }),
    },
    { sequelize, timestamps: false, tableName: "feeds" },
  );
  FeedFrame.init(
    {
      accountId: id({ primaryKey: true }),
      seq: serial({ primaryKey: true }),
      event: text(32),
      kind: text(32, { allowNull: true }),
      taskId: id({ allowNull: true }),
      body: longText(),
      createdAt: moment(),
    },
    { sequelize, updatedAt: false, tableName: "feed_frames" },
  );
  FeedTask.init(
    {
      id: id({ primaryKey: true }),
      accountId: id(),
      kind: text(32),
      state: state(TASK_STATES),
      statusSeq: serial(),
      statusEvent: text(32),
      statusBody: longText(),
      phase: text(32, { allowNull: true }),
      permille: count({ allowNull: true }),
      progressSeq: serial({ allowNull: true }),
      progressBody: longText({ allowNull: true }),
      endedAt: moment({ allowNull: true }),
      ...times(),
    },
    { sequelize, tableName: "feed_tasks" },
  );
}
