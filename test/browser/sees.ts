import type { Locator, Page } from "playwright-core";

/** Waits until exactly one such thing can be seen. */
export const sees = (thing: Locator): Promise<void> => thing.waitFor({ state: "visible" });

export const seesNoLonger = (thing: Locator): Promise<void> => thing.waitFor({ state: "hidden" });

/** @returns the window that a click on this button opens */
export const opensMicrosoft = async (page: Page, button: string): Promise<Page> => {
  const opened = page.waitForEvent("popup");
  await page.getByRole("button", { name: button }).click();
  return opened;
};

/** A mailbox on the Connections page. */
export const card = (page: Page, username: string): Locator =>
  page.getByRole("article").filter({ hasText: username });

/** Whether a keyboard would act on this. */
export const isFocused = (thing: Locator): Promise<boolean> =>
  thing.evaluate((element) => element.ownerDocument.activeElement === element);

/** Goes there as a person without a mouse does. */
export const tabTo = async (page: Page, thing: Locator): Promise<void> => {
  for (let presses = 0; presses < 60; presses += 1) {
    if (await isFocused(thing)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`the keyboard does not reach ${thing}`);
};
