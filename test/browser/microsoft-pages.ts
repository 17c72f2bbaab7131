import type { Page } from "playwright-core";

/** From the first page of Microsoft's, in a browser where nobody is signed in, to the one about consent. */
export const signInAtMicrosoft = async (microsoft: Page, username: string): Promise<void> => {
  await microsoft.getByRole("button", { name: username }).click();
  await giveThePassword(microsoft);
};

export const giveThePassword = (microsoft: Page): Promise<void> =>
  microsoft.getByRole("button", { name: "Sign in", exact: true }).click();

export const accept = (microsoft: Page): Promise<void> =>
  microsoft.getByRole("button", { name: "Accept" }).click();

export const decline = (microsoft: Page): Promise<void> =>
  microsoft.getByRole("button", { name: "Cancel" }).click();
