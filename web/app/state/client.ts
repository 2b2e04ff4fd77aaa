import { Chat, followPage, localTokens } from "@pg-parley/client";

/** The one chat client of the page. */
export const chat = new Chat({ tokens: localTokens() });

followPage(chat);
