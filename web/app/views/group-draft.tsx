import type { Signal } from "@preact/signals";
import type { User } from "@pg-parley/client";
import type { TargetedSubmitEvent } from "preact";
import { nameOf } from "../state/naming";
import { Field } from "./field";
import { Icon } from "./icon";

interface GroupDraftProps {
  name: Signal<string>;
  chosen: readonly User[];
  busy: boolean;
  remove(user: User): void;
  create(): void;
}

export function GroupDraft({ name, chosen, busy, remove, create }: GroupDraftProps) {
  const onSubmit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    create();
  };
  return (
    <form class="group-draft" onSubmit={onSubmit} aria-label="Create a group">
      <Field
        label="Group name"
        value={name}
        input={{ name: "name", required: true, autoComplete: "off" }}
      />
      {chosen.length > 0 && (
        <ul class="chips" role="list" aria-label="Chosen people">
          {chosen.map((user) => (
            <li key={user.id}>
              <button
                type="button"
                class="chip"
                aria-label={`Remove ${nameOf(user)}`}
                onClick={() => remove(user)}
              >
                <bdi>{nameOf(user)}</bdi>
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <button class="button button-wide" disabled={busy || chosen.length === 0}>
        {chosen.length === 0
          ? "Choose people below"
          : `Create group with ${chosen.length} ${chosen.length === 1 ? "person" : "people"}`}
      </button>
    </form>
  );
}
