import { digest, id, moment, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** Who signs in by WeChat, and the pictures that wait to be scanned. */
export const createWechat: Migration = {
  name: "20261121T1260-create-wechat",

  async up({ createTable }) {
    await createTable(
      "wechat_identities",
      {
        account_id: id({ primaryKey: true }),
        openid: text(128),
        unionid: text(128, { allowNull: true }),
        nickname: text(100, { allowNull: true }),
        avatar: text(255, { allowNull: true }),
        bound_at: moment(),
      },
      [
        { columns: ["openid"], unique: true },
        { columns: ["unionid"], unique: true },
      ],
    );
    await createTable(
      "wechat_scenes",
      {
        id: id({ primaryKey: true }),
        hash: digest(),
        device_type: text(20),
        state: text(20),
        openid: text(128, { allowNull: true }),
        unionid: text(128, { allowNull: true }),
        nickname: text(100, { allowNull: true }),
        avatar: text(255, { allowNull: true }),
        session_hash: digest({ allowNull: true }),
        session_sealed: text(255, { allowNull: true }),
        account_id: id({ allowNull: true }),
        expires_at: moment(),
        confirmed_at: moment({ allowNull: true }),
        collected_at: moment({ allowNull: true }),
        created_at: moment(),
      },
      [
        { columns: ["hash"], unique: true },
        { columns: ["session_hash"], unique: true },
        { columns: ["expires_at"] },
      ],
    );
  },

  async down({ dropTable }) {
    await dropTable("wechat_scenes");
    await dropTable("wechat_identities");
  },
};
