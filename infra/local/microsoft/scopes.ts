/** What a consent page says about a permission, and who may grant it. */
interface Permission {
  readonly name: string;
  readonly title: string;
  readonly openId?: true;
  /** Left out of what users may grant under Microsoft's recommended policy, the default since 2025. */
  readonly needsAdminByDefault?: true;
  /** No policy lets a user grant it. */
  readonly adminOnly?: true;
}

const permissions: readonly Permission[] = [
  { name: "openid", title: "Sign you in", openId: true },
  { name: "profile", title: "View your basic profile", openId: true },
  { name: "email", title: "View your email address", openId: true },
  {
    name: "offline_access",
    title: "Maintain access to data you have given it access to",
    openId: true,
  },
  { name: "User.Read", title: "Sign you in and read your profile" },
  { name: "Mail.Send", title: "Send mail as you" },
  { name: "Mail.Read", title: "Read your mail", needsAdminByDefault: true },
  { name: "Mail.ReadBasic", title: "Read your basic mail", needsAdminByDefault: true },
  {
    name: "Mail.ReadWrite",
    title: "Read and write access to your mail",
    needsAdminByDefault: true,
  },
  {
    name: "MailboxSettings.Read",
    title: "Read your mailbox settings",
    needsAdminByDefault: true,
  },
  { name: "Calendars.Read", title: "Read your calendars", needsAdminByDefault: true },
  {
    name: "Calendars.ReadWrite",
    title: "Have full access to your calendars",
    needsAdminByDefault: true,
  },
  { name: "Contacts.Read", title: "Read your contacts" },
  {
    name: "Mail-Advanced.ReadWrite",
    title: "Read and write all properties of your mail",
    adminOnly: true,
  },
  { name: "Directory.Read.All", title: "Read directory data", adminOnly: true },
];

const byName = new Map(
  permissions.map((permission) => [permission.name.toLowerCase(), permission]),
);

const graphResource = "https://graph.microsoft.com/";

/** The app registration's own permissions, which `.default` stands for. */
const registered = [
  "openid",
  "profile",
  "email",
  "offline_access",
  "User.Read",
  "Mail.ReadWrite",
  "Mail.Send",
];

export interface RequestedScopes {
  /** In the catalogue's spelling. */
  readonly names: readonly string[];
  /** Whether the request spelled Graph scopes with their resource; answers are spelled alike. */
  readonly withResource: boolean;
}

/**
 * Reads a `scope` parameter.
 *
 * @returns the first scope that does not exist instead, if there is one.
 */
export const readScopes = (text: string): RequestedScopes | { readonly unknown: string } => {
  const names = new Set<string>();
  let withResource = false;
  for (const scope of text.split(/\s+/).filter(Boolean)) {
    const short = scope.toLowerCase().startsWith(graphResource)
      ? scope.slice(graphResource.length)
      : scope;
    withResource ||= short !== scope;
    if (short.toLowerCase() === ".default") {
      for (const name of registered) names.add(name);
      continue;
    }
    const permission = byName.get(short.toLowerCase());
    if (!permission) return { unknown: scope };
    names.add(permission.name);
  }
  return { names: [...names], withResource };
};

export const isOpenIdScope = (name: string): boolean =>
  byName.get(name.toLowerCase())?.openId === true;

export const needsAdminByDefault = (name: string): boolean => {
  const permission = byName.get(name.toLowerCase());
  return permission?.needsAdminByDefault === true || permission?.adminOnly === true;
};

export const needsAdminAlways = (name: string): boolean =>
  byName.get(name.toLowerCase())?.adminOnly === true;

export const permissionTitle = (name: string): string =>
  byName.get(name.toLowerCase())?.title ?? name;

/**
 * The `scope` of an answer. `offline_access` never appears in it: the refresh token says so.
 * Whether Graph scopes come back with their resource varies; here they are spelled as requested.
 */
export const writeScopes = (names: readonly string[], withResource: boolean): string =>
  names
    .filter((name) => name !== "offline_access")
    .map((name) => (withResource && !isOpenIdScope(name) ? graphResource + name : name))
    .join(" ");

export const registeredScopes: readonly string[] = registered;
