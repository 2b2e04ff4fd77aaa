// A client of doc/protocol.md that uses nothing but a WebSocket as the standard has it: the
// four rules of "Catching up", and sends that are repeated until they are acknowledged.
import { randomUUID } from "node:crypto";

/** So long it waits, at most, before it connects again. */
const PAUSE_MS = 300;
/** A connection that is cut during the handshake may never say that it is closed. */
const WELCOME_MS = 5000;

export class PlainClient {
  messages = new Map();
  complaints = [];
  #rooms = new Map();
  #syncs = new Map();
  #unacknowledged = new Map();
  #socket = null;
  #live = false;
  #closed = false;

  constructor(url, token) {
    this.url = url.replace(/^http/, "ws");
    this.token = token;
    this.#connect();
  }

  send(conversation_id, content) {
    const frame = { type: "message", id: randomUUID(), conversation_id, content };
    this.#unacknowledged.set(frame.id, frame);
    if (this.#live) this.#say(frame);
  }

  get idle() {
    return this.#live && this.#unacknowledged.size === 0 && this.#syncs.size === 0;
  }

  close() {
    this.#closed = true;
    this.#socket.close();
  }

  #connect() {
    const socket = (this.#socket = new WebSocket(`${this.url}/ws`, "chat.v1"));
    const overdue = setTimeout(() => {
      if (this.#live || socket !== this.#socket) return;
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
      this.#again();
    }, WELCOME_MS);
    socket.onopen = () => {
      this.#say({ type: "auth", token: this.token });
      this.#sync([...this.#rooms.keys()], false);
    };
    socket.onmessage = ({ data }) => {
      for (const line of data.split("\n").filter(Boolean)) this.#take(JSON.parse(line));
    };
    socket.onclose = ({ code }) => {
      clearTimeout(overdue);
      if (code >= 4500) this.complaints.push(`closed with ${code}`);
      else this.#again();
    };
    socket.onerror = () => {};
  }

  #again() {
    this.#live = false;
    this.#syncs.clear();
    if (!this.#closed) setTimeout(() => this.#connect(), Math.random() * PAUSE_MS);
  }

  #say(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  #sync(ids, only = true) {
    const id = randomUUID();
    const cursors = Object.fromEntries(
      ids.filter((it) => this.#rooms.has(it)).map((it) => [it, this.#rooms.get(it)]),
    );
    this.#syncs.set(id, only ? ids : null);
    this.#say({ type: "sync", id, cursors, only });
  }

  #isSyncing(id) {
    return [...this.#syncs.values()].some((ids) => ids === null || ids.includes(id));
  }

  #take(frame) {
    const room = this.#rooms.get(frame.conversation_id);
    if ("ver" in frame && room !== undefined && !this.#isSyncing(frame.conversation_id))
      room.ver = Math.max(room.ver, frame.ver);
    this.#takers[frame.type]?.(frame, room);
  }

  #takers = {
    welcome: ({ user }) => {
      this.userId = user.id;
      this.#live = true;
      for (const frame of this.#unacknowledged.values()) this.#say(frame);
    },
    ack: ({ id }) => this.#unacknowledged.delete(id),
    error: ({ id, code }) => {
      const sync = this.#syncs.get(id);
      const message = this.#unacknowledged.get(id);
      if (sync !== undefined) {
        this.#syncs.delete(id);
        this.#sync(sync ?? [...this.#rooms.keys()], sync !== null);
      } else if (message !== undefined && ["unavailable", "conversation_busy"].includes(code))
        this.#say(message);
      else this.complaints.push(`error ${code}`);
    },
    reset: ({ conversation_id, seq, ver }) => {
      this.#rooms.set(conversation_id, { seq, ver });
      this.messages.clear();
    },
    message: (message, room) => {
      if (room === undefined || message.seq <= room.seq) return;
      if (message.seq === room.seq + 1) {
        room.seq = message.seq;
        this.messages.set(message.seq, message);
      } else if (!this.#isSyncing(message.conversation_id)) this.#sync([message.conversation_id]);
    },
    message_updated: ({ seq, ...news }) => {
      if (this.messages.has(seq)) Object.assign(this.messages.get(seq), news);
    },
    message_deleted: ({ seq }) => {
      if (this.messages.has(seq))
        Object.assign(this.messages.get(seq), { content: "", deleted: true, reactions: [] });
    },
    reaction: ({ seq, user_id, emoji, added }) => {
      const message = this.messages.get(seq);
      if (message === undefined) return;
      const users = new Set(message.reactions.find((it) => it.emoji === emoji)?.user_ids);
      if (added) users.add(user_id);
      else users.delete(user_id);
      const others = message.reactions.filter((it) => it.emoji !== emoji);
      message.reactions =
        users.size === 0
          ? others
          : [...others, { emoji, count: users.size, user_ids: [...users] }];
    },
    gap: ({ conversation_id }) => this.#sync([conversation_id]),
    member: ({ user_id, state, conversation_id }, room) => {
      if (user_id === this.userId && state === "joined" && room === undefined)
        this.#sync([...this.#rooms.keys()], false);
    },
    synced: ({ id, conversations }) => {
      this.#syncs.delete(id);
      for (const [key, { ver }] of Object.entries(conversations)) {
        const room = this.#rooms.get(Number(key));
        if (room !== undefined && !this.#isSyncing(Number(key))) room.ver = ver;
      }
    },
  };
}
