import { signal } from "@preact/signals";
import type { Conversation, Member } from "@pg-parley/client";
import { me } from "./account";
import { chat } from "./client";
import { briefTime } from "./time";

/** Of large groups only the number is told. */
const counts = signal<ReadonlyMap<number, number>>(new Map());

chat.on("presence", ({ conversation_id, online }) => {
  counts.value = new Map(counts.peek()).set(conversation_id, online);
});
chat.on("ended", () => (counts.value = new Map()));

/** Who looks is there; of oneself the server tells no news. */
export function isOnline({ id, is_online }: Member): boolean {
  return is_online || id === me.value?.id;
}

export function presenceOf(member: Member): string {
  if (isOnline(member)) return "online";
  if (member.last_seen === null) return "";
  return `last seen ${briefTime(Date.parse(member.last_seen))}`;
}

/** How many are there, oneself too: as the list of members shows it. */
export function onlineIn(conversation: Conversation): number {
  const told = counts.value.get(conversation.id);
  return told ?? conversation.members.filter(isOnline).length;
}
