/** What the server sends. Field names are those of the wire; times are RFC 3339 in UTC. */

/** What a profile event carries. */
export interface Profile {
  id: number;
  username: string;
  display_name: string | null;
  avatar_url: string | null;
  bio: string | null;
}

export interface User extends Profile {
  is_online: boolean;
  last_seen: string | null;
}

export type Role = "owner" | "admin" | "member";

export interface Member extends User {
  role: Role;
  muted_until: string | null;
}

export interface Reaction {
  emoji: string;
  count: number;
  user_ids: number[];
}

export interface AttachmentInfo {
  id: number;
  name: string;
  media_type: string;
  size: number;
  sha256: string;
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
  reactions: Reaction[];
  /** The message that the chain of replies began with. */
  thread: number | null;
  pinned: boolean;
  attachments: AttachmentInfo[];
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
  /** Unread messages that name the caller. */
  mentions: number;
  is_public: boolean;
  /** When the last message was sent, or else when it began. */
  active_at: string;
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

/** How far somebody has come in a conversation. */
export interface PositionEvent {
  conversation_id: number;
  user_id: number;
  seq: number;
}

export interface MemberEvent {
  conversation_id: number;
  user_id: number;
  role: Role;
  state: "joined" | "left" | "removed" | "banned";
  muted_until: string | null;
  ver: number;
}

/** A group's own properties, as they are now. */
export interface ConversationEvent {
  id: number;
  is_group: boolean;
  name: string | null;
  is_public: boolean;
  ver: number;
}

export interface TypingEvent {
  conversation_id: number;
  user_id: number;
  username: string;
  is_typing: boolean;
}

export interface StatusEvent {
  user_id: number;
  username: string;
  is_online: boolean;
  last_seen: string | null;
}

/** How many members of a large group are there. */
export interface PresenceEvent {
  conversation_id: number;
  online: number;
}

interface ChangeOf<Type extends string> {
  type: Type;
  conversation_id: number;
  seq: number;
  /** Counts the changes of the conversation. */
  ver: number;
}

/** What became of a message after it was said; `applyChange` carries it out. */
export type Change =
  /** Edited, pinned or unpinned: what is not there has not changed. */
  | (ChangeOf<"message_updated"> & Partial<Message>)
  | ChangeOf<"message_deleted">
  | (ChangeOf<"reaction"> & { user_id: number; emoji: string; added: boolean });

export type SyncStatus = "complete" | "reset" | "gone";

/** All messages up to `seq` are here, and every change up to `ver`. */
export interface Cursor {
  seq: number;
  ver: number;
}

export interface SyncedFrame {
  id: string | null;
  conversations: Record<string, Cursor & { status: SyncStatus }>;
}

/** Any frame from the server, before it is known which. */
export interface Frame {
  type: string;
  id?: string | null;
  [field: string]: unknown;
}
