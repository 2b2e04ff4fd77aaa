/** What the server sends. Field names are those of the wire; times are RFC 3339 in UTC. */

export interface User {
  id: number;
  username: string;
  display_name: string | null;
  avatar_url: string | null;
  bio: string | null;
  is_online: boolean;
  last_seen: string | null;
}

export type Role = "owner" | "admin" | "member";

export interface Member extends User {
  role: Role;
}

export interface Message {
  conversation_id: number;
  /** 1, 2, 3 … within its conversation, without gaps. */
  seq: number;
  sender_id: number;
  /** The sender's user name. */
  sender: string;
  content: string;
  client_id: string | null;
  reply_to: number | null;
  created_at: string;
  edited_at: string | null;
  deleted: boolean;
  reactions: unknown[];
}

export interface Conversation {
  id: number;
  is_group: boolean;
  name: string | null;
  members: Member[];
  member_count: number;
  last_message: Message | null;
  last_seq: number;
  unread: number;
  read_seq: number;
}

/** Messages oldest first. */
export interface Page {
  messages: Message[];
  has_more: boolean;
}

/** What sign-up, log-in and refresh answer. */
export interface Grant {
  user: User;
  access_token: string;
  token_type: string;
  /** Seconds the access token lives. */
  expires_in: number;
  refresh_token: string;
}

export interface Ack {
  conversation_id: number;
  seq: number;
  created_at: string;
}

export interface ReadEvent {
  conversation_id: number;
  user_id: number;
  seq: number;
}

export interface MemberEvent {
  conversation_id: number;
  user_id: number;
  role: Role;
  state: "joined" | "left" | "removed" | "banned";
  ver: number;
}

export interface Profile {
  id: number;
  username: string;
  display_name: string | null;
  avatar_url: string | null;
  bio: string | null;
}

/** Any frame from the server, before it is known which. */
export interface Frame {
  type: string;
  id?: string | null;
  [field: string]: unknown;
}
