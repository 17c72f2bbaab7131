import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { genericOAuth } from "better-auth/plugins";

/** better-auth in one process, with its database in memory: it makes no remote call but to Microsoft. */
const database: Record<string, unknown[]> = {
  user: [],
  session: [],
  account: [],
  verification: [],
};

const auth = betterAuth({
  baseURL: "http://127.0.0.1:1",
  secret: "bench-bench-bench-bench-bench-bench",
  database: memoryAdapter(database),
  telemetry: { enabled: false },
  logger: { disabled: true },
  account: { encryptOAuthTokens: true },
  plugins: [
    genericOAuth({
      config: [
        {
          providerId: "microsoft-bench",
          clientId: process.env.BENCH_CLIENT_ID ?? "",
          clientSecret: process.env.BENCH_CLIENT_SECRET ?? "",
          authorizationUrl: `${process.env.BENCH_LOGIN_ENDPOINT}/authorize`,
          tokenUrl: `${process.env.BENCH_LOGIN_ENDPOINT}/${process.env.BENCH_TENANT}/oauth2/v2.0/token`,
        },
      ],
    }),
  ],
});

const userId = "user_bench";
const { adapter, internalAdapter } = await (async () => auth.$context)();
void internalAdapter;
let accountId = "";

export const prepare = async ({ secondsLeft }: { readonly secondsLeft: number }) => {
  database.account = [];
  const { symmetricEncrypt } = await import("better-auth/crypto");
  const seal = (data: string) =>
    symmetricEncrypt({ key: "bench-bench-bench-bench-bench-bench", data });
  const created = await adapter.create<Record<string, unknown>>({
    model: "account",
    data: {
      userId,
      accountId: "bench-account",
      providerId: "microsoft-bench",
      accessToken: await seal("x".repeat(1_700)),
      refreshToken: await seal(`1.${process.env.BENCH_TENANT}.bench.${"y".repeat(1_100)}`),
      accessTokenExpiresAt: new Date(Date.now() + secondsLeft * 1000),
      scope: "Mail.ReadWrite",
      createdAt: new Date(),
      updatedAt: new Date(),
    },
  });
  accountId = String(created.id);
};

export const handler = async () => {
  const { accessToken } = await auth.api.getAccessToken({ body: { accountId, userId } });
  return { ok: Boolean(accessToken), accessToken };
};
