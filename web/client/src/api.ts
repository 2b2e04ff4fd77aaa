import type { Session } from "./session.js";
import type { Conversation, Member, Message, Page, Reaction, Role, User } from "./types.js";

export interface HistoryQuery {
  /** Messages older than this seq … */
  before?: number;
  /** … or newer than this one … */
  after?: number;
  /** … or on both sides of this one. None of them: the newest. */
  around?: number;
  limit?: number;
}

/** The REST calls, typed. Each throws a Problem. */
export class Api {
  constructor(private readonly session: Session) {}

  me(): Promise<User> {
    return this.session.call({ method: "GET", path: "/auth/me" });
  }

  searchUsers(search: string, limit?: number): Promise<User[]> {
    return this.session.call({ method: "GET", path: "/users", query: { search, limit } });
  }

  user(id: number): Promise<User> {
    return this.session.call({ method: "GET", path: `/users/${id}` });
  }

  /** Newest activity first; after the last one of a page, if that is given. */
  conversations(limit?: number, last?: Conversation): Promise<Conversation[]> {
    return this.session.call({
      method: "GET",
      path: "/conversations",
      query: { limit, before: last?.active_at, before_id: last?.id },
    });
  }

  conversation(id: number): Promise<Conversation> {
    return this.session.call({ method: "GET", path: `/conversations/${id}` });
  }

  /** The one conversation between the caller and that user, made when there is none. */
  direct(username: string): Promise<Conversation> {
    const path = `/conversations/direct/${encodeURIComponent(username)}`;
    return this.session.call({ method: "POST", path });
  }

  createGroup(name: string, usernames: string[]): Promise<Conversation> {
    return this.session.call({ method: "POST", path: "/conversations", body: { name, usernames } });
  }

  members(id: number): Promise<Member[]> {
    return this.session.call({ method: "GET", path: `/conversations/${id}/members` });
  }

  addMember(id: number, username: string): Promise<Member> {
    const path = `/conversations/${id}/members`;
    return this.session.call({ method: "POST", path, body: { username } });
  }

  removeMember(id: number, accountId: number): Promise<void> {
    return this.session.call({
      method: "DELETE",
      path: `/conversations/${id}/members/${accountId}`,
    });
  }

  leave(id: number): Promise<void> {
    return this.session.call({ method: "POST", path: `/conversations/${id}/leave` });
  }

  history(id: number, query: HistoryQuery = {}): Promise<Page> {
    const path = `/conversations/${id}/messages`;
    return this.session.call({ method: "GET", path, query: { ...query } });
  }

  message(id: number, seq: number): Promise<Message> {
    return this.session.call({ method: "GET", path: `/conversations/${id}/messages/${seq}` });
  }

  edit(id: number, seq: number, content: string): Promise<Message> {
    const path = `/conversations/${id}/messages/${seq}`;
    return this.session.call({ method: "PATCH", path, body: { content } });
  }

  /** The message stays, without its content. */
  delete(id: number, seq: number): Promise<void> {
    return this.session.call({ method: "DELETE", path: `/conversations/${id}/messages/${seq}` });
  }

  /** Both answer the reactions that the message has now. */
  react(id: number, seq: number, emoji: string): Promise<Reaction[]> {
    return this.session.call({ method: "PUT", path: reactionPath(id, seq, emoji) });
  }

  unreact(id: number, seq: number, emoji: string): Promise<Reaction[]> {
    return this.session.call({ method: "DELETE", path: reactionPath(id, seq, emoji) });
  }

  changeRole(id: number, accountId: number, role: Role): Promise<Member> {
    const path = `/conversations/${id}/members/${accountId}`;
    return this.session.call({ method: "PATCH", path, body: { role } });
  }
}

function reactionPath(id: number, seq: number, emoji: string): string {
  return `/conversations/${id}/messages/${seq}/reactions/${encodeURIComponent(emoji)}`;
}
