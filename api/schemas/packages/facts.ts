import { z } from "zod";
import type { Package, PackageVersion } from "../../../models/packages/index.ts";

/** What a version's file says of itself; null where it says nothing, or where nobody has looked yet. */
export const FactsOut = z.strictObject({
  /** The application id of an APK, the bundle id of an IPA. */
  package_name: z.string().nullable(),
  version_name: z.string().nullable(),
  version_code: z.string().nullable(),
  /** The oldest system it runs on: an API level of Android, a version of iOS. */
  min_sdk: z.string().nullable(),
  /** What it asks its user for: permissions of Android, usage descriptions of iOS. */
  permissions: z.array(z.string()),
  /** The digest of the certificate that signed the published form. */
  signer_sha256: z.string().nullable(),
  icon_url: z.string().nullable(),
});

/** The kept icon of a version; undefined when it has none. */
export function iconOf({ facts }: PackageVersion): { sha256: string } | undefined {
  const icon = facts?.["icon"];
  return typeof icon === "object" && icon !== null ? (icon as { sha256: string }) : undefined;
}

/** The facts in a version's row; those that a step of an earlier time wrote in another shape are left out. */
export function presentFacts(
  version: PackageVersion,
  owner: Package,
  publicUrl: string,
): z.input<typeof FactsOut> {
  const text = (name: string) => {
    const value = version.facts?.[name];
    return typeof value === "string" ? value : null;
  };
  const permissions = version.facts?.["permissions"];
  const path = `/api/v1/packages/${owner.serial}/versions/${version.version}/icon`;
  return {
    package_name: text("package_name"),
    version_name: text("version_name"),
    version_code: text("version_code"),
    min_sdk: text("min_sdk"),
    permissions: Array.isArray(permissions)
      ? permissions.filter((name) => typeof name === "string")
      : [],
    signer_sha256: text("signer_sha256"),
    icon_url: iconOf(version) ? publicUrl + path : null,
  };
}
