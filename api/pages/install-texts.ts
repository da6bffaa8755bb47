/** The languages of the page, as its `lang` says them. */

export type InstallLanguage = "en" | "zh-CN";

/** The words of the install page. */
export const INSTALL_TEXTS = {
  en: {
    download: "Download",
    downloadIpa: "Download the IPA file",
    install: "Install",
    androidHint:
      "After the download, open the file. If Android asks, allow this app to install unknown apps.",
    iosHint: "Afterwards trust the developer under Settings → General → VPN & Device Management.",
    needsTls:
      "iPhones and iPads install only over HTTPS, and this server is reached without it. Ask its operator to set PUBLIC_URL to an https address.",
    unknownBundle:
      "This package does not say which app it is, so that it cannot be installed from here.",
    notes: "What is new",
    details: "Details",
    channel: "Channel",
    published: "Published",
    packageName: "Package",
    minAndroid: "Oldest Android (API level)",
    minIos: "Oldest iOS",
    size: "Size",
    bytes: "bytes",
    permissions: (count: number) => `Permissions (${count})`,
    qr: "QR code of this page",
    scan: "Scan to open this page on a phone",
    shut: {
      "packages/not-found": ["Nothing is here", "Check the address, or ask for a new one."],
      "packages/not-published": ["Nothing is here yet", "Come back later, or check the address."],
      "packages/version-not-found": ["Nothing is here", "Check the address, or ask for a new one."],
      "packages/not-distributing": [
        "Not available now",
        "Distribution is switched off for the time being. Come back later.",
      ],
      "packages/version-held": [
        "Being checked",
        "This version waits for somebody to look at it. Come back later.",
      ],
      "packages/version-rejected": [
        "Not available",
        "This version did not pass its check, and is given to nobody.",
      ],
      "packages/version-yanked": ["Withdrawn", "This version was withdrawn. Do not install it."],
      "packages/version-removed": ["No longer kept", "This version is too old to be kept."],
    },
    newest: "See what is current",
    other: { name: "简体中文", language: "zh-CN" },
  },
  "zh-CN": {
    download: "下载安装",
    downloadIpa: "下载 IPA 文件",
    install: "安装",
    androidHint: "下载完成后打开文件；如系统提示，请允许安装未知来源的应用。",
    iosHint: "安装后请到“设置 → 通用 → VPN 与设备管理”中信任开发者。",
    needsTls:
      "iPhone 和 iPad 只能通过 HTTPS 安装，而本服务器未启用 HTTPS。请联系管理员将 PUBLIC_URL 设为 https 地址。",
    unknownBundle: "此安装包未注明应用标识，无法从本页面直接安装。",
    notes: "更新内容",
    details: "详细信息",
    channel: "渠道",
    published: "发布时间",
    packageName: "包名",
    minAndroid: "最低 Android 版本（API 级别）",
    minIos: "最低 iOS 版本",
    size: "大小",
    bytes: "字节",
    permissions: (count: number) => `权限（${count}）`,
    qr: "本页面的二维码",
    scan: "用手机扫码打开本页面",
    shut: {
      "packages/not-found": ["这里没有内容", "请检查地址是否正确，或索取新的地址。"],
      "packages/not-published": ["尚未发布", "请稍后再来，或检查地址是否正确。"],
      "packages/version-not-found": ["这里没有内容", "请检查地址是否正确，或索取新的地址。"],
      "packages/not-distributing": ["暂时无法下载", "该应用暂停分发，请稍后再来。"],
      "packages/version-held": ["正在审核", "该版本正在等待人工审核，请稍后再来。"],
      "packages/version-rejected": ["无法下载", "该版本未通过审核，不再提供。"],
      "packages/version-yanked": ["已撤回", "该版本已被撤回，请勿安装。"],
      "packages/version-removed": ["不再保留", "该版本过旧，已不再保留。"],
    },
    newest: "查看当前版本",
    other: { name: "English", language: "en" },
  },
} as const;
