import { useSignal, useSignalEffect } from "@preact/signals";
import type { User } from "@pg-parley/client";
import { me } from "../state/account";
import { chat } from "../state/client";
import { nameOf } from "../state/naming";
import { wordsFor } from "../state/wording";
import { Avatar } from "./avatar";
import { Field } from "./field";
import { Icon } from "./icon";

const TYPING_PAUSE_MS = 180;

interface PeopleSearchProps {
  /** null: a click on a person is all it takes. */
  chosen: readonly User[] | null;
  busy: boolean;
  pick(user: User): void;
}

export function PeopleSearch({ chosen, busy, pick }: PeopleSearchProps) {
  const query = useSignal("");
  const found = useSignal<readonly User[] | null>(null);
  const trouble = useSignal<string | null>(null);

  useSignalEffect(() => {
    const text = query.value.trim();
    let current = true;
    if (text === "") found.value = null;
    const timer = setTimeout(async () => {
      if (text === "") return;
      try {
        const users = await chat.api.searchUsers(text, 20);
        if (current) found.value = users.filter((user) => user.id !== me.peek()?.id);
        trouble.value = null;
      } catch (error) {
        if (current) trouble.value = wordsFor(error);
      }
    }, TYPING_PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  });

  return (
    <div class="people-search">
      <Field
        label="Find people"
        value={query}
        error={trouble.value}
        input={{
          type: "search",
          autoComplete: "off",
          autoCapitalize: "none",
          placeholder: "A name",
          autoFocus: true,
        }}
      />
      <p class="visually-hidden" role="status">
        {found.value !== null && `${found.value.length} found`}
      </p>
      {found.value?.length === 0 && <p class="people-none">Nobody by that name.</p>}
      <ul class="people" role="list" aria-label="People found">
        {found.value?.map((user) => (
          <Person key={user.id} user={user} chosen={chosen} busy={busy} pick={pick} />
        ))}
      </ul>
    </div>
  );
}

function Person({ user, chosen, busy, pick }: PeopleSearchProps & { user: User }) {
  const isChosen = chosen?.some((it) => it.id === user.id) ?? false;
  return (
    <li>
      <button
        type="button"
        class="person"
        disabled={busy}
        aria-pressed={chosen === null ? undefined : isChosen}
        onClick={() => pick(user)}
      >
        <Avatar id={user.id} name={nameOf(user)} small />
        <span class="person-name">
          <bdi>{nameOf(user)}</bdi>
          <bdi class="person-handle">@{user.username}</bdi>
        </span>
        {isChosen && <Icon name="tick" />}
      </button>
    </li>
  );
}
