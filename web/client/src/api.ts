import type { Session } from "./session.js";
import type { Conversation, Member, Message, Page, User } from "./types.js";

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

  /** Newest activity first. */
  conversations(limit?: number): Promise<Conversation[]> {
    return this.session.call({ method: "GET", path: "/conversations", query: { limit } });
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
}
