import * as z from "zod/mini";

/** Tenant of all personal Microsoft accounts. */
export const personalTenantId = "9188040d-6c67-4c5b-b112-36a304b66dad";

/** What the administrators of a tenant have decided. */
export const tenantPolicy = z.object({
  /**
   * Which permissions users may grant: `legacy` those that no administrator must grant,
   * `recommended` those without mail and calendars (the default of new tenants), `none` nothing.
   */
  userConsent: z.enum(["legacy", "recommended", "none"]),
  /** May users send a request for approval to their administrators? */
  approvalWorkflow: z.boolean(),
  /** Conditional Access: a second factor at sign-in. */
  mfa: z.boolean(),
  /** Conditional Access: sign in again after so many seconds; 0 for never. */
  signInFrequencySeconds: z.number(),
  /** Conditional Access: nobody gets in from here. */
  blocked: z.boolean(),
  /** Only people to whom the app is assigned may sign in to it; a role assigns nobody. */
  assignmentRequired: z.boolean(),
  /** An administrator switched the app off in this tenant. */
  appDisabled: z.boolean(),
});
export type TenantPolicy = z.infer<typeof tenantPolicy>;

export interface Tenant {
  readonly id: string;
  readonly name: string;
  /** Its verified domain. */
  readonly domain: string;
  /** What it is good for in a test or demonstration. */
  readonly description: string;
  readonly policy: TenantPolicy;
}

export type Role =
  | "global_administrator"
  | "privileged_role_administrator"
  | "cloud_application_administrator"
  | "application_administrator";

/** Role template ids as the `wids` claim carries them. */
export const roleTemplateIds: Readonly<Record<Role, string>> = {
  global_administrator: "62e90394-69f5-4237-9190-012177145e10",
  privileged_role_administrator: "e8611ab8-c189-46e8-94e1-60213ab1f814",
  cloud_application_administrator: "158c047a-c907-4556-b7ef-446551a6b5f7",
  application_administrator: "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
};

/** What `wids` shows for everybody who is no guest. */
export const memberTemplateId = "b79fbf4d-3ef9-4689-8143-76b194e85509";

export interface Mail {
  readonly from: { readonly name: string; readonly address: string };
  readonly subject: string;
  readonly preview: string;
  readonly hoursAgo: number;
  readonly isRead: boolean;
}

export interface Account {
  readonly username: string;
  readonly displayName: string;
  readonly tenantId: string;
  readonly oid: string;
  readonly roles: readonly Role[];
  /** Tenants that know this account as a guest, each under an object id of its own. */
  readonly guestIn: readonly { readonly tenantId: string; readonly oid: string }[];
  readonly disabled: boolean;
  readonly mailbox: boolean;
  /** What is special about it, for a list of demo accounts. */
  readonly description: string;
}

const open: TenantPolicy = {
  userConsent: "legacy",
  approvalWorkflow: false,
  mfa: false,
  signInFrequencySeconds: 0,
  blocked: false,
  assignmentRequired: false,
  appDisabled: false,
};

export const larkfield: Tenant = {
  id: "3b0f5c1e-7a42-4d89-9e15-c2f68ab01d37",
  name: "Larkfield Logistics",
  domain: "larkfield.example",
  description: "Users may consent for themselves.",
  policy: open,
};

export const aldermoor: Tenant = {
  id: "a94d2e60-15cb-4f38-8b7a-0e6d93f1c582",
  name: "Aldermoor Insurance",
  domain: "aldermoor.example",
  description: "Microsoft's default policy: an administrator must approve mail permissions.",
  policy: { ...open, userConsent: "recommended" },
};

export const brightwater: Tenant = {
  id: "5d17c8f3-e2b6-4a90-a1c4-79f0382b6e4d",
  name: "Brightwater Clinic",
  domain: "brightwater.example",
  description: "An administrator must approve; users can send a request for it.",
  policy: { ...open, userConsent: "recommended", approvalWorkflow: true },
};

export const castellan: Tenant = {
  id: "c6e8093a-4f71-4b2d-b5d9-1a3e60c7f928",
  name: "Castellan Bank",
  domain: "castellan.example",
  description: "Users may consent; Conditional Access wants a second factor.",
  policy: { ...open, mfa: true },
};

const personal: Tenant = {
  id: personalTenantId,
  name: "Personal accounts",
  domain: "outlook.example",
  description: "Personal Microsoft accounts.",
  policy: open,
};

/** All names are invented; the domains can belong to nobody. RFC 2606 §2 */
export const tenants: readonly Tenant[] = [larkfield, aldermoor, brightwater, castellan, personal];

const member = (
  tenant: Tenant,
  displayName: string,
  username: string,
  oid: string,
  special: Partial<Account> = {},
): Account => ({
  username,
  displayName,
  tenantId: tenant.id,
  oid,
  roles: [],
  guestIn: [],
  disabled: false,
  mailbox: true,
  description: "Ordinary user",
  ...special,
});

const administrator = {
  roles: ["global_administrator"],
  description: "Global Administrator",
} as const satisfies Partial<Account>;

export const accounts: readonly Account[] = [
  member(
    larkfield,
    "Ada Whitlock",
    "ada.whitlock@larkfield.example",
    "e7d1a2b4-0c35-4f68-9a7b-2d4c6e8f1a03",
    administrator,
  ),
  member(
    larkfield,
    "Ben Okafor",
    "ben.okafor@larkfield.example",
    "1f6b3c9d-8e42-4a75-b0d1-5c7e9f2a4b16",
  ),
  member(
    larkfield,
    "Clara Lindqvist",
    "clara.lindqvist@larkfield.example",
    "94c0d7e8-2a1b-4f3c-8d5e-6b7a8c9d0e21",
    {
      guestIn: [{ tenantId: aldermoor.id, oid: "7b2e4d6f-9c1a-4853-a0b7-e5d3f1c92a64" }],
      description: "Also a guest of Aldermoor Insurance",
    },
  ),
  member(
    larkfield,
    "Dario Fenn",
    "dario.fenn@larkfield.example",
    "b35e7f91-4d6c-4a08-9e2f-1c3b5d7a9f42",
    {
      mailbox: false,
      description: "Has no mailbox",
    },
  ),
  member(
    larkfield,
    "Edda Rowe",
    "edda.rowe@larkfield.example",
    "60a8c2e4-f6b1-4d39-8c5a-7e9f0b1d2c53",
    {
      disabled: true,
      description: "Disabled",
    },
  ),
  member(
    aldermoor,
    "Margit Solberg",
    "margit.solberg@aldermoor.example",
    "d8f2b6a0-3e7c-4915-b4d8-9a1c2e3f5b67",
    administrator,
  ),
  member(
    aldermoor,
    "Niall Byrne",
    "niall.byrne@aldermoor.example",
    "27c4e9f1-5b8d-4a63-90e2-f3a5b7c9d178",
  ),
  member(
    aldermoor,
    "Oona Virtanen",
    "oona.virtanen@aldermoor.example",
    "8a5d0b3e-c7f2-4e16-a9d4-0b6c8e1f3a89",
  ),
  member(
    aldermoor,
    "Pell Hargreave",
    "pell.hargreave@aldermoor.example",
    "f19b7e5c-2d4a-4680-8f3b-c5d7e9a1b390",
    {
      roles: ["cloud_application_administrator"],
      description: "Cloud Application Administrator",
    },
  ),
  member(
    brightwater,
    "Priya Raman",
    "priya.raman@brightwater.example",
    "4e6a8c0d-b2f4-4175-9c3e-d1f5a7b9c201",
    administrator,
  ),
  member(
    brightwater,
    "Quentin Marsh",
    "quentin.marsh@brightwater.example",
    "a3c5e7f9-1b2d-4f46-8a6c-e8f0b2d4c612",
  ),
  member(
    brightwater,
    "Rosa Ibáñez",
    "rosa.ibanez@brightwater.example",
    "59d1f3b7-7e9a-4c28-b0f4-2a6d8c0e1f23",
  ),
  member(
    castellan,
    "Sigrid Thorne",
    "sigrid.thorne@castellan.example",
    "c0e2a4f6-8d1b-4357-95a9-b3d7f9e1c534",
    administrator,
  ),
  member(
    castellan,
    "Tomás Rivera",
    "tomas.rivera@castellan.example",
    "71b9d3e5-f0a2-4c64-8e7d-6f8a0c2b4d45",
  ),
  member(
    castellan,
    "Uma Patel",
    "uma.patel@castellan.example",
    "0d8f6a4c-2e1b-4973-a5c7-e9b1d3f5a056",
  ),
  member(
    personal,
    "Juno Hale",
    "juno.hale@outlook.example",
    "00000000-0000-0000-5a1c-7e3d9b20f461",
    {
      description: "Personal account",
    },
  ),
  member(
    personal,
    "Theo Marsh",
    "theo.marsh@hotmail.example",
    "00000000-0000-0000-c83f-02b6e4d7a915",
    {
      description: "Personal account",
    },
  ),
];

/** What lies in the inbox of an account, newest first. */
export const mailsOf = ({ displayName }: Pick<Account, "displayName">): readonly Mail[] => {
  const first = displayName.split(" ")[0] ?? displayName;
  return [
    {
      from: { name: "Hanna Brandt", address: "hanna.brandt@meridian-freight.example" },
      subject: "Invoice 20418 for the October shipments",
      preview: `Hello ${first}, please find attached our invoice for October. Payment is due within 30 days.`,
      hoursAgo: 1,
      isRead: false,
    },
    {
      from: { name: "Luis Ortega", address: "luis.ortega@fernhill-studio.example" },
      subject: "Re: Draft of the new brochure",
      preview: `Hi ${first}, thanks for the comments. The second version has the shorter text on page 3.`,
      hoursAgo: 5,
      isRead: false,
    },
    {
      from: { name: "Travel desk", address: "travel@harbour-lines.example" },
      subject: "Your booking HL-77Q2 is confirmed",
      preview:
        "Your train leaves on Thursday at 08:14 from platform 6. Your seat: coach 12, seat 41.",
      hoursAgo: 22,
      isRead: true,
    },
    {
      from: { name: "Mei Tanaka", address: "mei.tanaka@quillstone.example" },
      subject: "Agenda for Monday – “Q1 planning”",
      preview: `${first}, could you add the hiring plan to the agenda? I moved the budget to the end.`,
      hoursAgo: 49,
      isRead: true,
    },
    {
      from: { name: "Büro Königsallee", address: "kontakt@buero-koenigsallee.example" },
      subject: "Angebot für die Möbel im 3. Stock",
      preview: "Guten Tag, anbei unser Angebot. Die Lieferzeit beträgt zurzeit etwa sechs Wochen.",
      hoursAgo: 120,
      isRead: true,
    },
  ];
};
