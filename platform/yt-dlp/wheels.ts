/** The version of yt-dlp that is fetched where the machine has none. */
export const YT_DLP_VERSION = "2026.10.26";

/** A Python wheel, trusted by the sha256 of its archive alone; where it differs by machine there are several. */
interface Wheel {
  name: string;
  version: string;
  sha256: readonly string[];
  /** Where it is needed, as pip writes it; everywhere when not given. */
  where?: string;
}

/** yt-dlp, and what it needs to be whole: TLS roots, its better HTTP client, tags, ciphers, and scripts for players. */
const WHEELS: readonly Wheel[] = [
  {
    name: "yt-dlp",
    version: YT_DLP_VERSION,
    sha256: ["a05c5b5d8562f7e8a62f5334348b406af4930d56d3a65f8021d14af0e22339ae"],
  },
  {
    name: "yt-dlp-ejs",
    version: "0.8.0",
    sha256: ["79300e5fca7f937a1eeede11f0456862c1b41107ce1d726871e0207424f4bdb4"],
  },
  {
    name: "certifi",
    version: "2026.10.18",
    sha256: ["73191c47aaa79da394e8fee2dbc2ec827432cab56311122c9e47abf79e390f62"],
  },
  {
    name: "charset-normalizer",
    version: "3.5.2",
    sha256: ["b6b751274acb69d77b3323d6b7dbaa3c7fdfc1eb829b7eb61d262f32e1af9685"],
  },
  {
    name: "idna",
    version: "3.20",
    sha256: ["ab7ae7122974553370f0bdb919e1a960b2cd1bc1ef0276416d896db81c14582c"],
  },
  {
    name: "mutagen",
    version: "1.48.1",
    sha256: ["4f077fe87d3fc7fba259aa63d8c026b18382ca6a42ef37c61e16f1b1b5b82fe7"],
  },
  {
    name: "pycryptodomex",
    version: "3.24.2",
    sha256: [
      "e340408a601003f235b50117cd16f87b2a5b4760765aafe93340eeaadeb0414d",
      "97dc6ea02ec1ed55dca0fbc98758ac23d0ca8ce9d7ea32d538c2851e23b8b27f",
      "18a41772bae7b876d84c768bdec6afb95c3d16da50200956ddcc5fccd2d84549",
    ],
    where:
      'sys_platform == "darwin" or (sys_platform == "linux" and platform_machine in "x86_64 aarch64")',
  },
  {
    name: "requests",
    version: "2.34.2",
    sha256: ["2a0d60c172f83ac6ab31e4554906c0f3b3588d37b5cb939b1c061f4907e278e0"],
  },
  {
    name: "urllib3",
    version: "2.8.0",
    sha256: ["0cf3cae568d36aa9576b28dfb35f11328f1cb974ca7647d9475ebb86c75ac6e3"],
  },
  {
    name: "websockets",
    version: "16.1.1",
    sha256: ["6abbd3e82c731c8e531714466acd5d87b5e88ac3243465337ba71d68e23ae7e3"],
  },
];

/** What pip is to install, and by which digests it is to know it: a requirements file. */
export function requirements(): string {
  const lines = WHEELS.map(({ name, version, sha256, where }) => {
    const hashes = sha256.map((digest) => `--hash=sha256:${digest}`);
    return [`${name}==${version}${where ? ` ; ${where}` : ""}`, ...hashes].join(" ");
  });
  return `${lines.join("\n")}\n`;
}
