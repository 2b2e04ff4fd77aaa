import { batch, type Signal, signal } from "@preact/signals";
import {
  applyChange,
  type Change,
  type Message,
  type Outgoing as Sending,
  type Reset,
} from "@pg-parley/client";
import { me } from "./account";
import { chat } from "./client";
import { shown } from "./route";
import { wordsFor } from "./wording";

/** A message of ours that has not come back from the server yet. */
export interface Outgoing {
  /** The client id; retries keep it. */
  id: string;
  content: string;
  createdAt: string;
  state: "sending" | "sent" | "failed";
  /** Why it failed. */
  trouble: string | null;
}

const PAGE = 50;
/** Of a conversation that is not on the screen. */
const KEPT_UNSEEN = 300;

export function lastOf<T>(list: readonly T[]): T | undefined {
  return list[list.length - 1];
}

/** The messages of one conversation as far as they are loaded: no gaps, oldest first. */
export class Thread {
  readonly messages = signal<readonly Message[]>([]);
  readonly outgoing = signal<readonly Outgoing[]>([]);
  readonly phase = signal<"loading" | "ready">("loading");
  readonly hasOlder = signal(false);
  readonly loadingOlder = signal(false);
  readonly trouble = signal<string | null>(null);
  /** Typed, but not sent; it outlives the page. */
  readonly draft: Signal<string>;
  /** The message whose tools are shown, and the one that is being edited. */
  readonly toolsOf = signal<number | null>(null);
  readonly editing = signal<number | null>(null);
  /** What that one shall say. */
  readonly edited = signal("");

  constructor(readonly conversationId: number) {
    this.draft = signal(chat.drafts.get(draftName(conversationId)));
    const prefix = this.editName("");
    const [unfinished] = chat.drafts.names(prefix);
    if (unfinished === undefined) return;
    this.editing.value = Number(unfinished.slice(prefix.length));
    this.edited.value = chat.drafts.get(unfinished);
  }

  type(text: string): void {
    this.draft.value = text;
    chat.drafts.set(draftName(this.conversationId), text);
  }

  /** Goes on with what was typed before, where the message was being edited. */
  beginEdit(seq: number): void {
    const content = this.messages.peek().find((it) => it.seq === seq)?.content ?? "";
    batch(() => {
      this.edited.value = chat.drafts.get(this.editName(seq)) || content;
      this.editing.value = seq;
    });
  }

  typeEdit(text: string): void {
    this.edited.value = text;
    chat.drafts.set(this.editName(this.editing.peek()!), text);
  }

  endEdit(): void {
    chat.drafts.set(this.editName(this.editing.peek()!), "");
    this.editing.value = null;
  }

  private editName(seq: number | ""): string {
    return `edit.${this.conversationId}.${seq}`;
  }

  /** The newest messages; whatever was here before is void. */
  begin({ messages, has_more }: Reset): void {
    batch(() => {
      this.messages.value = [];
      this.insert(messages);
      this.hasOlder.value = has_more;
      this.phase.value = "ready";
    });
  }

  async loadOlder(): Promise<void> {
    const before = this.messages.peek()[0]?.seq;
    if (before === undefined || this.loadingOlder.peek() || !this.hasOlder.peek()) return;
    this.loadingOlder.value = true;
    this.trouble.value = null;
    try {
      const page = await chat.older(this.conversationId, before, PAGE);
      batch(() => {
        if (this.messages.peek()[0]?.seq !== before) return; // it has begun again meanwhile
        this.insert(page.messages);
        this.hasOlder.value = page.has_more;
      });
    } catch (error) {
      this.trouble.value = wordsFor(error);
    } finally {
      this.loadingOlder.value = false;
    }
  }

  send(content: string): void {
    void chat.send(this.conversationId, content);
  }

  async edit(seq: number, content: string): Promise<void> {
    this.insert([await chat.api.edit(this.conversationId, seq, content)]);
  }

  async remove(seq: number): Promise<void> {
    await chat.api.delete(this.conversationId, seq);
  }

  /** Takes the reaction away where it is there already. */
  async react(seq: number, emoji: string): Promise<void> {
    const reactions = this.messages.peek().find((it) => it.seq === seq)?.reactions ?? [];
    const myId = me.peek()?.id ?? 0;
    const there = reactions.some((it) => it.emoji === emoji && it.user_ids.includes(myId));
    if (there) await chat.api.unreact(this.conversationId, seq, emoji);
    else await chat.api.react(this.conversationId, seq, emoji);
  }

  retry(id: string): void {
    const message = this.outgoing.peek().find((it) => it.id === id);
    if (message !== undefined) void chat.send(this.conversationId, message.content, id);
  }

  discard(id: string): void {
    chat.discard(id);
  }

  /** How a message on its way is doing, also one that an earlier page has left. */
  track({ id, content, created_at, state, problem }: Sending): void {
    const before = this.outgoing.peek();
    const others = before.filter((it) => it.id !== id);
    const myId = me.peek()?.id;
    const stored = this.messages.peek();
    const isStored = stored.some((it) => it.client_id === id && it.sender_id === myId);
    if (state === "discarded" || isStored) {
      this.outgoing.value = others;
    } else if (state !== "sent" || others.length < before.length) {
      const trouble = problem === null ? null : wordsFor(problem);
      const shown = state === "waiting" ? "sending" : state;
      const now: Outgoing = { id, content, createdAt: created_at, state: shown, trouble };
      this.outgoing.value = [...others, now].sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
    }
  }

  /** Messages from a page or live, in any order, known ones among them. */
  insert(incoming: readonly Message[]): void {
    if (incoming.length === 0) return;
    const bySeq = new Map(this.messages.peek().map((it) => [it.seq, it]));
    for (const message of incoming) bySeq.set(message.seq, message);
    const myId = me.peek()?.id;
    const ours = new Set(incoming.filter((it) => it.sender_id === myId).map((it) => it.client_id));
    batch(() => {
      this.messages.value = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
      if (this.outgoing.peek().some((it) => ours.has(it.id))) {
        this.outgoing.value = this.outgoing.peek().filter((it) => !ours.has(it.id));
      }
    });
  }

  change(change: Change): void {
    this.messages.value = this.messages
      .peek()
      .map((it) => (it.seq === change.seq ? applyChange(it, change) : it));
  }

  /** Nobody looks: what is far back can be read again. */
  trim(): void {
    if (this.messages.peek().length <= KEPT_UNSEEN) return;
    this.messages.value = this.messages.peek().slice(-PAGE);
    this.hasOlder.value = true;
  }
}

function draftName(conversationId: number): string {
  return `message.${conversationId}`;
}

const threads = new Map<number, Thread>();

export function threadOf(conversationId: number): Thread {
  let thread = threads.get(conversationId);
  if (thread === undefined) threads.set(conversationId, (thread = new Thread(conversationId)));
  return thread;
}

chat.on("reset", (reset) => threadOf(reset.conversation_id).begin(reset));
chat.on("message", (message) => {
  const thread = threads.get(message.conversation_id);
  thread?.insert([message]);
  if (shown.peek() !== message.conversation_id) thread?.trim();
});
chat.on("change", (change) => threads.get(change.conversation_id)?.change(change));
chat.on("outgoing", (sending) => threadOf(sending.conversation_id).track(sending));
chat.on("left", (id) => {
  threads.delete(id);
  const names = [draftName(id), ...chat.drafts.names(`edit.${id}.`)];
  for (const name of names) chat.drafts.set(name, "");
});
// Another tab has gone on with a draft, or sent it: as here, unless this one went another way.
chat.drafts.on("changed", ({ name, text, before }) => {
  const draft = threads.get(Number(/^message\.(\d+)$/.exec(name)?.[1]))?.draft;
  if (draft?.peek() === before) draft.value = text;
});
chat.on("ended", () => threads.clear());
