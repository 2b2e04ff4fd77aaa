import { Chat, followPage, localTexts, localTokens } from "@pg-parley/client";

/** What is typed and what waits to be sent, by account: it outlives the page. */
const texts = localTexts();

/** The one chat client of the page. */
export const chat = new Chat({ tokens: localTokens(), texts });

followPage(chat);

/** There is text that the account would lose with its login. */
export function hasUnsent(): boolean {
  const id = chat.session.user?.id;
  return texts.names().some((name) => name.startsWith(`${id}.`));
}

// Where the browser lets nothing be stored, it asks before the page goes.
addEventListener("beforeunload", (event) => {
  if (!texts.lasting && texts.names().length > 0) event.preventDefault();
});
