import assert from "node:assert/strict";
import { InvokeCommand } from "@aws-sdk/client-lambda";
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import * as z from "zod/mini";
import { fetchToken, type TokenAnswer, tokenClient } from "../../shared/worker/fetch-token.ts";
import {
  administratorsBrowser,
  buttonOn,
  linkIn,
  mailsTo,
  openPage,
} from "./administrator-client.ts";
import { signIn } from "./microsoft/walk-sign-in.ts";
import { type ProductClient, postCallback, signInToProduct } from "./product-client.ts";
import { type LocalStack, startLocalStack } from "./stack.ts";
import { readNewestMail } from "./web-app/read-newest-mail.ts";

/** Long enough for every token of Microsoft's to run out: they live for 60 to 90 minutes. */
const longerThanATokenSeconds = 2 * 3600;

const connection = z.object({
  id: z.string(),
  status: z.string(),
  account: z.object({ displayName: z.string(), username: z.string() }),
});

let steps = 0;

/** Does one step and prints one line for it; a step that fails ends the demo. */
const step = async <Value>(
  sentence: string,
  act: () => Promise<Value>,
  outcome: (value: Value) => string = () => "",
): Promise<Value> => {
  steps += 1;
  try {
    const value = await act();
    const told = outcome(value);
    console.log(`✓ ${String(steps).padStart(2)}  ${sentence}${told && ` — ${told}`}`);
    return value;
  } catch (error) {
    console.error(`✗ ${String(steps).padStart(2)}  ${sentence}`);
    throw error;
  }
};

const served = (answer: TokenAnswer) => {
  assert(answer.ok, answer.ok ? "" : `${answer.error.code}: ${answer.error.message}`);
  return answer;
};

const connect = async (product: ProductClient, username: string) => {
  const { authorizationUrl } = await step(
    `${product.personId} clicks “Connect Outlook”`,
    () => product.start(),
    ({ authorizationUrl }) => `sent to ${new URL(authorizationUrl).pathname}`,
  );
  const form = await step(`signs in at Microsoft as ${username} and accepts`, () =>
    signIn(authorizationUrl, { username, consent: "accept" }),
  );
  assert("action" in form, "Microsoft kept the person");
  const { returned } = await step(
    "Microsoft posts its answer to /callback, which parks it and returns to the product",
    async () => {
      const answered = await postCallback(form);
      assert.equal(answered.response.status, 303);
      return answered;
    },
  );
  assert(returned);
  return step(
    "the product's own page completes the sign-in",
    async () => {
      const answer = await product.complete(returned);
      assert.equal(answer.status, 200, await answer.clone().text());
      return connection.parse(await answer.json());
    },
    ({ account, status }) => `${account.displayName} (${account.username}) is ${status}`,
  );
};

const useMailbox = async (stack: LocalStack, product: ProductClient, username: string) => {
  const lambda = tokenClient({
    endpoint: stack.origins.lambda,
    region: stack.region,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  try {
    const { id } = await connect(product, username);
    const ask = () =>
      fetchToken(
        {
          connectionId: id,
          workspaceId: product.workspaceId,
          run: { workflowId: "demo", runId: "1" },
        },
        { lambda, functionName: stack.tokenFetchFunctionName },
        { patienceSeconds: 0 },
      );
    const read = async (answer: TokenAnswer) => {
      const mailbox = await readNewestMail(served(answer));
      assert(mailbox.ok, "the mailbox was not read");
      assert(mailbox.mails.length > 0, "the mailbox is empty");
      return mailbox.mails;
    };

    const first = await step(
      "a worker invokes token-fetch",
      async () => served(await ask()),
      ({ expiresAt }) => `a token until ${expiresAt.toISOString()}`,
    );
    await step(
      "and reads the newest mail with it",
      () => read(first),
      ([newest]) => `“${newest?.subject}”`,
    );
    stack.clock.advance(longerThanATokenSeconds);
    await step("two hours pass, and Graph refuses the old token", async () => {
      const mailbox = await readNewestMail(first);
      assert(!mailbox.ok, "an old token still reads mail");
    });
    const second = await step(
      "the worker asks again and gets a refreshed token",
      async () => {
        const answer = served(await ask());
        assert.notEqual(answer.accessToken.reveal(), first.accessToken.reveal());
        return answer;
      },
      ({ expiresAt }) => `good until ${expiresAt.toISOString()}`,
    );
    await step("which reads mail", () => read(second));
    await step("the person disconnects the mailbox", async () => {
      const answer = await product.call("DELETE", `/connections/${id}`);
      assert.equal(answer.status, 204);
    });
    // An execution environment may remember a token for 30 seconds after it read the connection.
    stack.clock.advance(31);
    await step(
      "and the next fetch says",
      async () => {
        const answer = await ask();
        assert(!answer.ok, "a disconnected mailbox still gets tokens");
        assert.equal(answer.error.code, "not_found");
        return answer.error;
      },
      ({ code }) => code,
    );
  } finally {
    lambda.destroy();
  }
};

const approval = z.object({ status: z.string(), approvalUrl: z.optional(z.url()) });

/** The ordinary first answer in most organisations, and the way from there to everybody connected. */
const approveOrganisation = async (stack: LocalStack) => {
  const niall = await signInToProduct(stack.origins, "user_niall");
  const mailbox = { username: "niall.byrne@aldermoor.example" };
  const margit = { username: "margit.solberg@aldermoor.example" };

  const attemptId = await step(
    "user_niall is sent back by Microsoft: an administrator must approve",
    async () => {
      const { attemptId, authorizationUrl } = await niall.start();
      const form = await signIn(authorizationUrl, { ...mailbox, approval: "return" });
      assert("action" in form, "Microsoft kept the person");
      const { returned } = await postCallback(form);
      assert(returned);
      const answer = await niall.complete(returned);
      assert.equal(answer.status, 403, await answer.clone().text());
      return attemptId;
    },
  );
  const link = await step(
    `asks for approval, and the administrator gets one mail with a link`,
    async () => {
      const asked = await niall.call("POST", "/admin-consent-requests", {
        attemptId,
        adminEmail: margit.username,
      });
      assert.equal(asked.status, 200, await asked.clone().text());
      const mails = await mailsTo(stack, margit.username);
      const mail = mails.at(-1);
      assert(mail, "no mail came");
      return { mail, url: linkIn(mail) };
    },
    ({ mail }) => `“${mail.subject}”`,
  );
  const browser = administratorsBrowser();
  const reported = await step("who opens it, and approves at Microsoft", async () => {
    const { status, html } = await openPage(link.url);
    assert.equal(status, 200);
    return browser.decide(buttonOn(html), margit);
  });
  await step("a sign-in proves that it was an administrator of that organisation", async () => {
    const proved = await browser.prove(reported, margit);
    assert.equal(proved.status, 200, await proved.clone().text());
    const known = await niall.call("GET", "/admin-consent-requests");
    assert.equal(approval.parse(await known.json()).status, "verified");
  });
  await step("whoever waited is told, once", async () => {
    stack.clock.advance(120);
    await stack.runSchedules();
    assert.equal((await mailsTo(stack, mailbox.username)).length, 1);
  });
  await connect(niall, mailbox.username);
  const oona = await signInToProduct(stack.origins, "user_oona");
  await connect(oona, "oona.virtanen@aldermoor.example");
};

const clientCredential = z.object({ clientSecrets: z.array(z.string()) });
const clientCredentialSecret = "ClientCredential";

/** The app's own credential ends, and a new one is stored; nobody's connection knows of it. */
const outliveTheSecret = async (stack: LocalStack, product: ProductClient, username: string) => {
  const aws = {
    region: stack.region,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  };
  const lambda = tokenClient({ endpoint: stack.origins.lambda, ...aws });
  const secrets = new SecretsManagerClient({ endpoint: stack.origins.secretsManager, ...aws });
  const { clock, microsoft } = stack;
  assert(microsoft);
  try {
    const { id } = await connect(product, username);
    const ask = () =>
      fetchToken(
        {
          connectionId: id,
          workspaceId: product.workspaceId,
          run: { workflowId: "demo", runId: "2" },
        },
        { lambda, functionName: stack.tokenFetchFunctionName },
        { patienceSeconds: 0 },
      );
    const { SecretString = "" } = await secrets.send(
      new GetSecretValueCommand({ SecretId: clientCredentialSecret }),
    );
    const { clientSecrets } = clientCredential.parse(JSON.parse(SecretString));
    clock.advance(longerThanATokenSeconds);
    microsoft.control.setClientSecrets({
      secrets: clientSecrets.map((secret) => ({ secret, expiresAt: clock.now() })),
    });
    await step(
      "the app's client secret expires, and the worker is told who must act",
      async () => {
        const answer = await ask();
        assert(!answer.ok, "Microsoft takes an expired secret");
        assert(answer.error.retryable);
        return answer.error;
      },
      ({ code, actor }) => `${code}, ${actor}`,
    );
    await step("nobody's connection is marked", async () => {
      const shown = await product.call("GET", `/connections/${id}`);
      assert.equal(connection.parse(await shown.json()).status, "connected");
    });
    const secret = "made-when-the-old-one-had-expired";
    await step("the operator stores a new one", async () => {
      microsoft.control.setClientSecrets({ secrets: [{ secret }] });
      const expiresAt = new Date(clock.now().getTime() + 365 * 24 * 3600_000);
      await secrets.send(
        new PutSecretValueCommand({
          SecretId: clientCredentialSecret,
          SecretString: JSON.stringify({ clientSecrets: [{ value: secret, expiresAt }] }),
        }),
      );
    });
    clock.advance(60);
    await step("a minute later the worker gets its token", async () => served(await ask()));
  } finally {
    lambda.destroy();
    secrets.destroy();
  }
};

/** So many workers at once; each has an environment of its own, or waits for one. */
const herdSize = 40;

const meetOneExpiredToken = async (stack: LocalStack, product: ProductClient, username: string) => {
  const lambda = tokenClient({
    endpoint: stack.origins.lambda,
    region: stack.region,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  const { clock, microsoft } = stack;
  assert(microsoft);
  const refreshes = () => microsoft.control.report().calls["token.refresh_token"] ?? 0;
  try {
    const { id } = await connect(product, username);
    clock.advance(longerThanATokenSeconds);
    const before = refreshes();
    const answers = await step(
      `the token runs out, and ${herdSize} workers ask for it in the same moment`,
      async () => {
        const asked = Array.from({ length: herdSize }, (_, index) =>
          fetchToken(
            {
              connectionId: id,
              workspaceId: product.workspaceId,
              run: { workflowId: "demo", runId: `herd-${index}` },
            },
            { lambda, functionName: stack.tokenFetchFunctionName },
          ),
        );
        return (await Promise.all(asked)).map(served);
      },
      (all) => `${all.length} tokens`,
    );
    await step(
      "all have the same new token, and Microsoft was asked once",
      async () => {
        assert.equal(new Set(answers.map(({ accessToken }) => accessToken.reveal())).size, 1);
        assert.equal(refreshes() - before, 1);
        return refreshes() - before;
      },
      (calls) => `${calls} refresh`,
    );
  } finally {
    lambda.destroy();
  }
};

const erasure = z.object({ ok: z.literal(true), erased: z.number() });

/** A person is gone from the product, and so is their sign-in: the product's own back end ends what they connected. */
const leaveTheProduct = async (stack: LocalStack, product: ProductClient, username: string) => {
  const lambda = tokenClient({
    endpoint: stack.origins.lambda,
    region: stack.region,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  const { personId, workspaceId } = product;
  try {
    const { id } = await connect(product, username);
    await step(
      "the product's back end invokes erase-connections for that person",
      async () => {
        const { Payload } = await lambda.send(
          new InvokeCommand({
            FunctionName: stack.eraseConnectionsFunctionName,
            Payload: JSON.stringify({ workspaceId, userId: personId }),
          }),
        );
        return erasure.parse(JSON.parse(new TextDecoder().decode(Payload)));
      },
      ({ erased }) => `${erased} connection`,
    );
    await step(
      "and the next fetch says",
      async () => {
        const answer = await fetchToken(
          { connectionId: id, workspaceId, run: { workflowId: "demo", runId: "3" } },
          { lambda, functionName: stack.tokenFetchFunctionName },
          { patienceSeconds: 0 },
        );
        assert(!answer.ok, "somebody who has left still gets tokens");
        assert.equal(answer.error.code, "not_found");
        return answer.error;
      },
      ({ code }) => code,
    );
  } finally {
    lambda.destroy();
  }
};

const demo = async () => {
  console.log("Outlook Connect: the whole way of a connection, on this machine.\n");
  const stack = await startLocalStack();
  try {
    console.log("A user of an organisation that lets its users consent:");
    await useMailbox(
      stack,
      await signInToProduct(stack.origins, "user_ines"),
      "ben.okafor@larkfield.example",
    );
    console.log("\nA person with a personal Microsoft account:");
    await useMailbox(
      stack,
      await signInToProduct(stack.origins, "user_priya"),
      "juno.hale@outlook.example",
    );
    console.log("\nA user of an organisation in which only an administrator may approve:");
    await approveOrganisation(stack);
    console.log("\nA herd of workers on one expired token:");
    await meetOneExpiredToken(
      stack,
      await signInToProduct(stack.origins, "user_ines"),
      "ben.okafor@larkfield.example",
    );
    console.log("\nAn expired client secret:");
    await outliveTheSecret(
      stack,
      await signInToProduct(stack.origins, "user_ines"),
      "ben.okafor@larkfield.example",
    );
    console.log("\nSomebody leaves the product:");
    await leaveTheProduct(
      stack,
      await signInToProduct(stack.origins, "user_tomas"),
      "ben.okafor@larkfield.example",
    );
    console.log(`\nAll ${steps} steps did what they should.`);
  } finally {
    await stack.close();
  }
};

demo().catch((error: unknown) => {
  console.error(error);
  console.error("\nThe demo failed.");
  process.exitCode = 1;
});
