import type { Conversation, Member, Role } from "@pg-parley/client";

interface Named {
  username: string;
  display_name: string | null;
}

/** Formatting that changes the direction of what follows, or that nobody can see. */
const UNSEEN = /[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\p{Cc}]/gu;
/** A character that leaves ink; U+2800 is the Braille pattern without dots. */
const INK = /[^\p{Default_Ignorable_Code_Point}\p{Cf}\p{Z}\u2800]/u;

/**
 * A name as it may be shown: without characters that turn other text around or hide. null where
 * nothing is left to be seen, such as of U+3164. Joiners stay, for emoji and Persian need them.
 */
export function visibleName(name: string | null): string | null {
  const seen = (name ?? "").replace(UNSEEN, "").trim();
  return INK.test(seen) ? seen : null;
}

export function nameOf(user: Named): string {
  return visibleName(user.display_name) ?? user.username;
}

/** A name inside text that cannot carry <bdi>: FIRST STRONG ISOLATE to POP DIRECTIONAL ISOLATE. */
export function isolated(name: string): string {
  return `\u2068${name}\u2069`;
}

/** The other one of a direct conversation. */
export function partnerIn(conversation: Conversation, myId: number): Member | undefined {
  if (conversation.is_group) return undefined;
  return conversation.members.find((member) => member.id !== myId) ?? conversation.members[0];
}

export function titleOf(conversation: Conversation, myId: number): string {
  const partner = partnerIn(conversation, myId);
  if (partner !== undefined) return nameOf(partner);
  return visibleName(conversation.name) ?? "Group";
}

/** A sender may have left since; then the user name has to do. */
export function nameIn(conversation: Conversation, userId: number, username: string): string {
  const member = conversation.members.find((it) => it.id === userId);
  return member === undefined ? username : nameOf(member);
}

/** One or two letters, also of names outside the Latin script. */
export function initialsOf(name: string): string {
  const words = name.split(/[\s._-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letters = [words[0], words.length > 1 ? words[words.length - 1] : undefined]
    .map((word) => [...(word ?? "")].find((letter) => /[\p{L}\p{N}]/u.test(letter)) ?? "")
    .join("");
  return letters.toLocaleUpperCase() || "?";
}

const ranks: Readonly<Record<Role, number>> = { member: 0, admin: 1, owner: 2 };

/** Owners and admins look after those below them. */
export function mayRemove(mine: Role, theirs: Role): boolean {
  return mine !== "member" && ranks[mine] > ranks[theirs];
}
