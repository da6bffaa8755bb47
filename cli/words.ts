import type { Command } from "./arguments.ts";
import type { DownloadOut } from "./downloads/platform.ts";

/** Everything the command says by itself, in one language. What the platform says comes as the platform says it. */
export interface Words {
  help: string;
  usage: Record<Command, string>;
  unknownCommand: (typed: string) => string;
  helpHint: string;
  noKey: string;
  badUrl: (value: string) => string;
  badKeyFile: (file: string) => string;
  nameOrPackage: string;
  noVersion: string;
  badLimit: string;
  badField: (field: string, message: string) => string;
  unreadable: (file: string, reason: string) => string;
  changed: (file: string) => string;
  hashing: (file: string) => string;
  uploading: (file: string) => string;
  pushedBefore: (version: string) => string;
  accepted: (id: string, run: string) => string;
  otherContent: (version: string) => string;
  noPackage: (which: string) => string;
  noRun: string;
  retrying: (reason: string, seconds: number) => string;
  ended: Record<"succeeded" | "superseded" | "failed" | "cancelled", (version: string) => string>;
  parked: (version: string, reason: string) => string;
  held: (version: string, reason: string) => string;
  drafted: (version: string) => string;
  wouldShow: (channel: string, from: string, to: string) => string;
  wouldNot: (reason: string) => string;
  bytesGone: (version: string) => string;
  link: (url: string) => string;
  more: (count: number) => string;
  columns: Record<"id" | "name" | "type" | "live" | "status" | "changed", string>;
  cardColumns: Record<"card" | "state" | "machine" | "ends" | "batch", string>;
  outNeeded: string;
  outFault: (file: string, reason: string) => string;
  saved: (file: string) => string;
  needed: (option: string) => string;
  noNumber: (option: string) => string;
  ordered: (batch: string) => string;
  making: (generated: number, count: number) => string;
  made: (count: number) => string;
  batchFailed: (generated: number, count: number, reason: string) => string;
  importOrdered: (id: string, lines: number) => string;
  importing: (looked: number, lines: number) => string;
  imported: (cards: number, duplicates: number, faulty: number) => string;
  wouldImport: (cards: number, duplicates: number, faulty: number) => string;
  importFailed: (cards: number, reason: string) => string;
  allCards: string;
  bulkOrdered: (id: string, cards: number) => string;
  changing: (looked: number, cards: number) => string;
  undoing: (looked: number, cards: number) => string;
  bulkDone: (changed: number, refused: number) => string;
  bulkUndone: (undone: number, kept: number) => string;
  bulkFailed: (reason: string) => string;
  downloadColumns: Record<"id" | "state" | "ends" | "name", string>;
  downloading: (id: number) => string;
  onTheWay: (download: DownloadOut) => string;
  downloadFailed: (reason: string) => string;
  fileThere: (name: string, until: string | null) => string;
  refused: (message: string, code: string, requestId: string | undefined) => string;
  unreachable: (address: string, reason: string) => string;
}

const HELP = `longhaul packages push FILE --name NAME --version V [--channel C] [--draft]
                       [--description TEXT] [--no-follow]
longhaul packages push FILE --package ID --version V
longhaul packages list [--limit N]
longhaul packages log PACKAGE [RUN] [--follow]
longhaul packages rollback PACKAGE VERSION [--dry-run] [--no-follow]
longhaul packages query PACKAGE
longhaul cards generate --prefix P --count N [--length N] [--alphabet plain|clear] [--policy P]
                        [--product P] [--note TEXT] [--key K] [--yes] [--no-follow]
longhaul cards list [FILTERS] [--limit N]
longhaul cards export [FILTERS] [--format txt|csv|xlsx] [--out FILE]
longhaul cards validate CODE --machine M [--product P]
longhaul cards import FILE [--prefix P] [--policy P] [--product P] [--note TEXT] [--dry-run]
                        [--report FILE] [--key K] [--no-follow]
longhaul cards bulk VERB [FILTERS] [--seconds N] [--note TEXT] [--reason TEXT] [--dry-run]
                        [--yes] [--key K] [--no-follow]
longhaul cards undo BULK [--no-follow]
longhaul downloads get URL [--archive] [--quality Q] [--format F] [--key K] [--out FILE] [--no-follow]
longhaul downloads list [--limit N]
longhaul downloads save ID FILE`;

const ENGLISH: Words = {
  help: `Pushes packages to a Longhaul platform, makes cards there, has media downloaded, and looks at all three.

${HELP}

PACKAGE is an id (digits) or a name. All commands know --json (one JSON document on
stdout) and --help; longhaul --version prints the version.

  push      sends a file as a new version, makes the package when there is none of that
            name, and follows the run; --draft keeps it unpublished. The same push again meets the same run, also after
            a lost connection or a crash.
  list      packages, newest first
  log       the log of a run, the latest when none is named
  rollback  lets the link show an earlier version again; --dry-run only says what it would do
  query     what clients are told about a package

  generate  orders cards and waits until they are made; --key names the order, so that asking
            for it again meets the same batch; --yes confirms more than 10000
  list      cards, newest first, of their codes the last four characters
  export    whole codes, of unused cards unless --status says otherwise; --out writes a new
            file that nobody else can read
  validate  shows a card as a client would: its first use activates it
  import    takes in keys of another system, a code on each line or a table with a header;
            --dry-run only counts; --report names the lines that are no cards
  bulk      does VERB with all cards that match: extend (--seconds), suspend, reinstate, ban,
            unbind, delete, restore or note (--note); --dry-run only says what would happen
  undo      takes back what bulk has done, for ten minutes from its end on
  FILTERS   --status S --prefix P --batch ID --product P --text T --from TIME --to TIME

  get       has media downloaded, for a day or with --archive for ever, and waits for it; --out
            brings the file; --key names the order, so that asking for it again meets the same
            download; Q is best, audio, or a height as 1080p
  list      what you have downloaded, newest first
  save      brings the file of a download into a new file

Environment:
  LONGHAUL_URL           address of the platform (default http://127.0.0.1:3000)
  LONGHAUL_API_KEY       API key; or LONGHAUL_API_KEY_FILE, a file that holds it
  LANG                   zh… for Chinese

Exit codes:
  0 done   1 refused by the platform   2 wrong usage   3 platform not reached
  4 the run failed or was cancelled   5 the run or the version waits for a person`,
  usage: {
    "packages push": "longhaul packages push FILE (--name NAME | --package ID) --version V",
    "packages list": "longhaul packages list [--limit N]",
    "packages log": "longhaul packages log PACKAGE [RUN] [--follow]",
    "packages rollback": "longhaul packages rollback PACKAGE VERSION [--dry-run] [--no-follow]",
    "packages query": "longhaul packages query PACKAGE",
    "cards generate": "longhaul cards generate --prefix P --count N",
    "cards list": "longhaul cards list [FILTERS] [--limit N]",
    "cards export": "longhaul cards export [FILTERS] [--format F] [--out FILE]",
    "cards validate": "longhaul cards validate CODE --machine M",
    "cards import": "longhaul cards import FILE [--dry-run] [--report FILE]",
    "cards bulk": "longhaul cards bulk VERB [FILTERS] [--dry-run]",
    "cards undo": "longhaul cards undo BULK",
    "downloads get": "longhaul downloads get URL [--archive] [--out FILE]",
    "downloads list": "longhaul downloads list [--limit N]",
    "downloads save": "longhaul downloads save ID FILE",
  },
  unknownCommand: (typed) => `There is no command "${typed}".`,
  helpHint: 'See "longhaul --help".',
  noKey: "Give an API key in LONGHAUL_API_KEY, or a file that holds one in LONGHAUL_API_KEY_FILE.",
  badUrl: (value) => `LONGHAUL_URL is no http or https address: ${value}`,
  badKeyFile: (file) => `LONGHAUL_API_KEY_FILE cannot be read: ${file}`,
  nameOrPackage: "Say where it goes: either --name NAME or --package ID.",
  noVersion: "Say which version it is: --version V.",
  badLimit: "--limit must be a whole number from 1 on.",
  badField: (field, message) => `--${field} ${message}`,
  unreadable: (file, reason) => `${file} cannot be read: ${reason}`,
  changed: (file) => `${file} was changed or taken away while it was sent.`,
  hashing: (file) => `reading ${file}`,
  uploading: (file) => `sending ${file}`,
  pushedBefore: (version) => `Version ${version} was pushed before with the same content.`,
  accepted: (id, run) => `Accepted: package ${id}, run ${run}.`,
  otherContent: (version) =>
    `Version ${version} exists with other content. Push under another version.`,
  noPackage: (which) => `There is no package "${which}".`,
  noRun: "This package has no run.",
  retrying: (reason, seconds) => `${reason}. Trying again in ${seconds} s.`,
  ended: {
    succeeded: (version) => `Version ${version} is live.`,
    superseded: (version) => `Version ${version} is ready; the link shows a later one.`,
    failed: (version) => `Version ${version} failed`,
    cancelled: (version) => `Version ${version} was cancelled`,
  },
  parked: (version, reason) => `Version ${version} waits for an operator: ${reason}`,
  held: (version, reason) => `Version ${version} is held until somebody releases it: ${reason}`,
  drafted: (version) => `Version ${version} is kept as a draft.`,
  wouldShow: (channel, from, to) => `The link of ${channel} would show ${to} instead of ${from}.`,
  wouldNot: (reason) => `It would be refused: ${reason}`,
  bytesGone: (version) => `The bytes of version ${version} are not in the store.`,
  link: (url) => `Link: ${url}`,
  more: (count) => `Only the newest ${count} are shown: --limit shows more.`,
  columns: {
    id: "ID",
    name: "NAME",
    type: "TYPE",
    live: "LIVE",
    status: "STATUS",
    changed: "CHANGED",
  },
  cardColumns: {
    card: "CARD",
    state: "STATE",
    machine: "MACHINE",
    ends: "ENDS",
    batch: "BATCH",
  },
  outNeeded: "A workbook is no text: say where it goes, --out FILE.",
  outFault: (file, reason) => `${file} cannot be written anew: ${reason}`,
  saved: (file) => `Written: ${file}`,
  needed: (option) => `--${option} is needed.`,
  noNumber: (option) => `--${option} must be a whole number.`,
  ordered: (batch) => `Ordered: batch ${batch}.`,
  making: (generated, count) => `${generated} of ${count} cards`,
  made: (count) => `${count} cards are made.`,
  batchFailed: (generated, count, reason) =>
    `Made ${generated} of ${count} cards, then failed: ${reason}`,
  importOrdered: (id, lines) => `Ordered: import ${id} of ${lines} lines.`,
  importing: (looked, lines) => `${looked} of ${lines} lines`,
  imported: (cards, duplicates, faulty) =>
    `${cards} cards are taken in; ${duplicates} were there already, ${faulty} lines have faults.`,
  wouldImport: (cards, duplicates, faulty) =>
    `${cards} cards would be taken in; ${duplicates} are there already, ${faulty} lines have faults.`,
  importFailed: (cards, reason) => `Took in ${cards} cards, then failed: ${reason}`,
  allCards: "Nothing says which cards are meant: --yes confirms that it is all of them.",
  bulkOrdered: (id, cards) => `Ordered: bulk ${id} of ${cards} cards.`,
  changing: (looked, cards) => `${looked} of ${cards} cards`,
  undoing: (looked, cards) => `${looked} of ${cards} cards looked at again`,
  bulkDone: (changed, refused) => `${changed} cards are changed, ${refused} refused.`,
  bulkUndone: (undone, kept) => `${undone} cards are as before, ${kept} have changed since.`,
  bulkFailed: (reason) => `It failed: ${reason}`,
  downloadColumns: { id: "ID", state: "STATE", ends: "ENDS", name: "NAME" },
  downloading: (id) => `Ordered: download ${id}.`,
  onTheWay: ({ waiting_for: wait, next_try_at: at, error_message: reason, progress }) => {
    if (wait === "retry") return `${reason ?? "It failed"}. The next try is at ${at}.`;
    if (wait) return `It waits for its turn (${wait}).`;
    return progress ? `${progress.phase_label.en}, ${Math.floor(progress.percent)} %` : "queued";
  },
  downloadFailed: (reason) => `The download failed: ${reason}`,
  fileThere: (name, until) => (until ? `${name} is there until ${until}.` : `${name} is kept.`),
  refused: (message, code, requestId) =>
    `${message} (${code}${requestId ? `, request ${requestId}` : ""})`,
  unreachable: (address, reason) => `${address} cannot be reached: ${reason}`,
};

const CHINESE: Words = {
  help: `向 Longhaul 平台推送应用包、生成卡密、下载媒体,并查看其状态。

${HELP}

PACKAGE 可以是编号(数字)或名称。所有命令都支持 --json(在标准输出写一个 JSON 文档)
和 --help;longhaul --version 显示版本。

  push      把文件作为新版本推送;没有同名的包时新建;随后跟踪运行过程。
            --draft 只保存为草稿,不发布。重复同一次推送会找到同一个运行,断线或崩溃之后也一样。
  list      列出包,最新的在前
  log       显示一次运行的日志;不指定则为最近一次
  rollback  让固定链接重新指向较早的版本;--dry-run 只说明将会发生什么
  query     客户端查询到的包信息

  generate  生成卡密并等待完成;--key 为订单命名,重复执行会找到同一个批次;
            --yes 确认一次生成超过 10000 张
  list      列出卡密,最新在前,仅显示卡密末四位
  export    导出完整卡密,默认仅未使用的;--out 写入仅本人可读的新文件
  validate  像客户端一样验证卡密:首次使用即激活
  import    导入其他系统的卡密,每行一个或带表头的表格;--dry-run 只统计;
            --report 把未导入的行写入新文件
  bulk      对所有匹配的卡密执行 VERB:extend(--seconds)、suspend、reinstate、ban、
            unbind、delete、restore 或 note(--note);--dry-run 只说明将会发生什么
  undo      撤销 bulk 所做的更改,完成后十分钟内有效
  FILTERS   --status S --prefix P --batch ID --product P --text T --from TIME --to TIME

  get       下载媒体并等待完成,默认保留一天,--archive 永久保留;--out 取回文件;
            --key 为订单命名,重复执行会找到同一个下载;Q 为 best、audio 或高度(如 1080p)
  list      列出下载记录,最新在前
  save      把下载好的文件存为新文件

环境变量:
  LONGHAUL_URL           平台地址(默认 http://127.0.0.1:3000)
  LONGHAUL_API_KEY       API 密钥;或用 LONGHAUL_API_KEY_FILE 指定存放密钥的文件
  LANG                   zh… 显示中文

退出码:
  0 完成   1 被平台拒绝   2 用法错误   3 无法连接平台
  4 运行失败或被取消   5 运行或版本正在等待人工处理`,
  usage: {
    "packages push": "longhaul packages push 文件 (--name 名称 | --package 编号) --version 版本",
    "packages list": "longhaul packages list [--limit 条数]",
    "packages log": "longhaul packages log 包 [运行] [--follow]",
    "packages rollback": "longhaul packages rollback 包 版本 [--dry-run] [--no-follow]",
    "packages query": "longhaul packages query 包",
    "cards generate": "longhaul cards generate --prefix 前缀 --count 数量",
    "cards list": "longhaul cards list [FILTERS] [--limit N]",
    "cards export": "longhaul cards export [FILTERS] [--format F] [--out FILE]",
    "cards validate": "longhaul cards validate 卡密 --machine 机器码",
    "cards import": "longhaul cards import 文件 [--dry-run] [--report 文件]",
    "cards bulk": "longhaul cards bulk 动作 [FILTERS] [--dry-run]",
    "cards undo": "longhaul cards undo 编号",
    "downloads get": "longhaul downloads get 地址 [--archive] [--out 文件]",
    "downloads list": "longhaul downloads list [--limit 条数]",
    "downloads save": "longhaul downloads save 编号 文件",
  },
  unknownCommand: (typed) => `没有“${typed}”这个命令。`,
  helpHint: "用法见 longhaul --help。",
  noKey: "请在 LONGHAUL_API_KEY 中提供 API 密钥,或用 LONGHAUL_API_KEY_FILE 指定存放密钥的文件。",
  badUrl: (value) => `LONGHAUL_URL 不是 http 或 https 地址:${value}`,
  badKeyFile: (file) => `无法读取 LONGHAUL_API_KEY_FILE:${file}`,
  nameOrPackage: "请指明目标:--name 名称 或 --package 编号,二选一。",
  noVersion: "请指明版本:--version 版本。",
  badLimit: "--limit 必须是不小于 1 的整数。",
  badField: (field, message) => `--${field} 无效:${message}`,
  unreadable: (file, reason) => `无法读取 ${file}:${reason}`,
  changed: (file) => `${file} 在上传期间被修改或移走。`,
  hashing: (file) => `正在读取 ${file}`,
  uploading: (file) => `正在上传 ${file}`,
  pushedBefore: (version) => `版本 ${version} 此前已推送,内容相同。`,
  accepted: (id, run) => `已接收:包 ${id},运行 ${run}。`,
  otherContent: (version) => `版本 ${version} 已存在且内容不同。请换一个版本号。`,
  noPackage: (which) => `没有“${which}”这个包。`,
  noRun: "这个包还没有运行记录。",
  retrying: (reason, seconds) => `${reason}。${seconds} 秒后重试。`,
  ended: {
    succeeded: (version) => `版本 ${version} 已上线。`,
    superseded: (version) => `版本 ${version} 已就绪;链接指向更新的版本。`,
    failed: (version) => `版本 ${version} 失败`,
    cancelled: (version) => `版本 ${version} 已取消`,
  },
  parked: (version, reason) => `版本 ${version} 正在等待运维人员处理:${reason}`,
  held: (version, reason) => `版本 ${version} 已被隔离,等待人工放行:${reason}`,
  drafted: (version) => `版本 ${version} 已保存为草稿。`,
  wouldShow: (channel, from, to) => `通道 ${channel} 的链接将由 ${from} 改为指向 ${to}。`,
  wouldNot: (reason) => `将被拒绝:${reason}`,
  bytesGone: (version) => `存储中没有版本 ${version} 的文件。`,
  link: (url) => `链接:${url}`,
  more: (count) => `仅显示最新的 ${count} 个;用 --limit 查看更多。`,
  columns: {
    id: "编号",
    name: "名称",
    type: "类型",
    live: "线上版本",
    status: "状态",
    changed: "更新时间",
  },
  cardColumns: { card: "卡密", state: "状态", machine: "机器码", ends: "到期时间", batch: "批次" },
  outNeeded: "工作簿不是文本,请用 --out FILE 指定文件。",
  outFault: (file, reason) => `无法新建 ${file}:${reason}`,
  saved: (file) => `已写入:${file}`,
  needed: (option) => `缺少 --${option}。`,
  noNumber: (option) => `--${option} 必须是整数。`,
  ordered: (batch) => `已下单:批次 ${batch}。`,
  making: (generated, count) => `已生成 ${generated} / ${count} 张`,
  made: (count) => `已生成 ${count} 张卡密。`,
  batchFailed: (generated, count, reason) => `已生成 ${generated} / ${count} 张后失败:${reason}`,
  importOrdered: (id, lines) => `已下单:导入 ${id},共 ${lines} 行。`,
  importing: (looked, lines) => `已处理 ${looked} / ${lines} 行`,
  imported: (cards, duplicates, faulty) =>
    `已导入 ${cards} 张卡密;${duplicates} 张已存在,${faulty} 行有误。`,
  wouldImport: (cards, duplicates, faulty) =>
    `将导入 ${cards} 张卡密;${duplicates} 张已存在,${faulty} 行有误。`,
  importFailed: (cards, reason) => `已导入 ${cards} 张后失败:${reason}`,
  allCards: "没有指明是哪些卡密;如确为全部,请加 --yes。",
  bulkOrdered: (id, cards) => `已下单:批量操作 ${id},共 ${cards} 张。`,
  changing: (looked, cards) => `已处理 ${looked} / ${cards} 张`,
  undoing: (looked, cards) => `正在撤销,已处理 ${looked} / ${cards} 张`,
  bulkDone: (changed, refused) => `已更改 ${changed} 张,${refused} 张被拒绝。`,
  bulkUndone: (undone, kept) => `已恢复 ${undone} 张,${kept} 张因后来有变动而保留。`,
  bulkFailed: (reason) => `失败:${reason}`,
  downloadColumns: { id: "编号", state: "状态", ends: "到期时间", name: "名称" },
  downloading: (id) => `已下单:下载 ${id}。`,
  onTheWay: ({ waiting_for: wait, next_try_at: at, error_message: reason, progress }) => {
    if (wait === "retry") return `${reason ?? "失败"}。将于 ${at} 重试。`;
    if (wait) return `正在等待(${wait})。`;
    return progress ? `${progress.phase_label.zh},${Math.floor(progress.percent)} %` : "排队中";
  },
  downloadFailed: (reason) => `下载失败:${reason}`,
  fileThere: (name, until) => (until ? `${name} 保留至 ${until}。` : `${name} 已永久保留。`),
  refused: (message, code, requestId) =>
    `${message}(${code}${requestId ? `,请求 ${requestId}` : ""})`,
  unreachable: (address, reason) => `无法连接 ${address}:${reason}`,
};

/** The words for the locale that the environment names (POSIX: LC_ALL, LC_MESSAGES, LANG); English but for Chinese. */
export function wordsFor(env: Readonly<Record<string, string | undefined>>): Words {
  const locale = env["LC_ALL"] || env["LC_MESSAGES"] || env["LANG"];
  return locale?.toLowerCase().startsWith("zh") ? CHINESE : ENGLISH;
}
