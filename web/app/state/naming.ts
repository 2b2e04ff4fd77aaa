import type { Conversation, Member, Role } from "@pg-parley/client";

interface Named {
  username: string;
  display_name: string | null;
}

export function nameOf(user: Named): string {
  return user.display_name?.trim() || user.username;
}

/** The other one of a direct conversation. */
export function partnerIn(conversation: Conversation, myId: number): Member | undefined {
  if (conversation.is_group) return undefined;
  return conversation.members.find((member) => member.id !== myId) ?? conversation.members[0];
}

export function titleOf(conversation: Conversation, myId: number): string {
  const partner = partnerIn(conversation, myId);
  if (partner !== undefined) return nameOf(partner);
  return conversation.name?.trim() || "Group";
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
