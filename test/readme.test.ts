import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import * as z from "zod/mini";
import { signIn } from "../infra/local/microsoft/walk-sign-in.ts";
import { postCallback, signInToProduct } from "../infra/local/product-client.ts";
import { type LocalStack, startLocalStack } from "../infra/local/stack.ts";
import { chromiumIsMissing, launchChromium } from "./browser/chromium.ts";
import { accept, decline, signInAtMicrosoft } from "./browser/microsoft-pages.ts";
import { opensMicrosoft, sees } from "./browser/sees.ts";

const ben = "ben.okafor@larkfield.example";
const niall = "niall.byrne@aldermoor.example";

let stack: LocalStack;
let browser: Browser | undefined;
beforeAll(async () => {
  stack = await startLocalStack({ bundles: inject("bundles") });
});
afterAll(async () => {
  await browser?.close();
  await stack?.close();
});

/** The code of the README that follows this mark, as somebody would copy it. */
const snippet = async (mark: string): Promise<string> => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const [, after = ""] = readme.split(`<!-- snippet: ${mark} -->`);
  const code = /^\s*```\w+\n(.*?)^```$/ms.exec(after)?.[1];
  if (code === undefined) throw new Error(`the README has no snippet ${mark}`);
  return code;
};

/** @throws if it is not there exactly once: then the README no longer says what this test thinks */
const replaceOnce = (text: string, from: string, to: string): string => {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`${from} is there ${parts.length - 1} times`);
  return parts.join(to);
};

/** A page of the product that consists of what the README shows, with somebody signed in. */
const pageOfSnippet = async (person: string) => {
  const code = replaceOnce(
    await snippet("front end"),
    "https://api.example.com",
    stack.origins.api,
  );
  browser ??= await launchChromium();
  const page = await browser.newPage();
  await page.goto(stack.origins.webApp);
  await page.getByRole("button", { name: person }).click();
  await sees(page.getByRole("heading", { name: "No mailbox yet" }));
  // A document of the product's origin whose policy does not forbid the script of a page written here.
  await page.goto(`${stack.origins.webApp}/config.json`);
  await page.setContent(`<!doctype html><html lang="en"><title>Snippet</title>
    <button id="connect">Connect</button><p id="said" role="status"></p>
    <script type="module">${code}</script></html>`);
  return page;
};

it("shows a product how to connect a mailbox", async (context) => {
  context.skip(chromiumIsMissing !== undefined, chromiumIsMissing);
  const page = await pageOfSnippet("Ines Calder");

  const declined = await opensMicrosoft(page, "Connect");
  await signInAtMicrosoft(declined, ben);
  await decline(declined);
  await sees(page.getByRole("status").getByText("Access was not granted."));
  const microsoft = await opensMicrosoft(page, "Connect");
  await microsoft.getByRole("button", { name: ben }).click();
  await accept(microsoft);

  await sees(page.getByRole("status").getByText(`Connected ${ben}`));
});

it("shows a product what to tell people whose administrator must approve", async (context) => {
  context.skip(chromiumIsMissing !== undefined, chromiumIsMissing);
  const page = await pageOfSnippet("Niall Byrne");
  const said = page.getByRole("status");

  const microsoft = await opensMicrosoft(page, "Connect");
  await signInAtMicrosoft(microsoft, niall);
  await microsoft
    .getByRole("button", { name: "Return to the application without granting consent" })
    .click();
  await sees(said.getByText(/^Your administrator must approve first: http:.*\/admin-consent\/./));

  // From here on the page is warned before it has sent anybody to Microsoft.
  const connect = page.getByRole("button", { name: "Connect" });
  await page.route("**/admin-consent-requests", (route) =>
    route.fulfill({ status: 401, json: {} }),
  );
  await connect.click();
  await sees(said.getByText("Your session is over."));

  await page.route("**/admin-consent-requests", (route) =>
    route.fulfill({ json: { status: "verified" } }),
  );
  await connect.click();
  await page.waitForURL((url) => url.pathname.endsWith("/authorize"));
});

const connection = z.object({ id: z.string() });

it("shows a worker how to read a mailbox, and whom to ask when it cannot", async () => {
  const product = await signInToProduct(stack.origins, "user_priya");
  const { authorizationUrl } = await product.start();
  const form = await signIn(authorizationUrl, { username: ben });
  if (!("action" in form)) expect.fail(`Microsoft kept the person on ${form.kept}`);
  const { returned } = await postCallback(form);
  if (!returned) expect.fail("the callback leads nowhere");
  const { id } = connection.parse(await (await product.complete(returned)).json());
  const worker = new URL("../shared/worker/fetch-token.ts", import.meta.url);
  const code = replaceOnce(await snippet("worker"), "./fetch-token.ts", worker.href);
  const folder = await mkdtemp(join(tmpdir(), "snippet-"));
  try {
    const file = join(folder, "snippet.mts");
    const known = { connectionId: id, workspaceId: product.workspaceId };
    await writeFile(
      file,
      `const { connectionId, workspaceId } = ${JSON.stringify(known)};\n${code}`,
    );
    const run = async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [file], {
        env: {
          AWS_ENDPOINT_URL_LAMBDA: stack.origins.lambda,
          AWS_REGION: stack.region,
          AWS_ACCESS_KEY_ID: "local",
          AWS_SECRET_ACCESS_KEY: "local",
          TOKEN_FETCH_FUNCTION: stack.tokenFetchFunctionName,
        },
      });
      return stdout;
    };

    expect(await run()).toContain("Invoice 20418 for the October shipments");
    stack.microsoft?.control.revokeSessions({ username: ben });
    stack.clock.advance(2 * 3600);
    expect(await run()).toMatch(/^user must act: .*reconnect/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
