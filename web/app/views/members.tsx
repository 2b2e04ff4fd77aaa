import { useSignal } from "@preact/signals";
import type { Conversation, Member } from "@pg-parley/client";
import type { RefObject } from "preact";
import { me } from "../state/account";
import { addMember, leave, removeMember } from "../state/conversations";
import { mayRemove, nameOf } from "../state/naming";
import { isOnline, presenceOf } from "../state/presence";
import { wordsFor } from "../state/wording";
import { Avatar } from "./avatar";
import { ConfirmButton } from "./confirm-button";
import { useSubmission } from "./form";
import { Icon } from "./icon";
import { keepOpenWhileComposing } from "./keys";
import { PeopleSearch } from "./people-search";

interface MembersProps {
  conversation: Conversation;
  dialog: RefObject<HTMLDialogElement>;
}

/** Who belongs to a group; admins let people in and put them out, everybody may go. */
export function Members({ conversation, dialog }: MembersProps) {
  const adding = useSignal(false);
  const { busy, problem, submit } = useSubmission();
  const { id, members, member_count } = conversation;
  const role = members.find((member) => member.id === me.value?.id)?.role ?? "member";
  const close = () => dialog.current?.close();
  const add = (username: string) =>
    submit(async () => {
      await addMember(id, username);
      adding.value = false;
    });

  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby="members-title"
      onClose={() => {
        adding.value = false;
        problem.value = null;
      }}
      onKeyDown={keepOpenWhileComposing}
    >
      <header class="dialog-head">
        <h2 id="members-title">{adding.value ? "Add a member" : `${member_count} members`}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      {adding.value ? (
        <PeopleSearch
          chosen={null}
          busy={busy.value}
          pick={(user) => void add(user.username)}
        />
      ) : (
        <ul class="people" role="list" aria-label="Members">
          {members.map((member) => (
            <MemberRow
              key={member.id}
              member={member}
              removable={mayRemove(role, member.role)}
              busy={busy.value}
              remove={() => void submit(() => removeMember(id, member.id))}
            />
          ))}
        </ul>
      )}
      {problem.value && (
        <p class="note note-bad" role="alert">
          {wordsFor(problem.value)}
        </p>
      )}
      <footer class="dialog-foot">
        {role !== "member" && (
          <button
            type="button"
            class="button button-quiet"
            onClick={() => (adding.value = !adding.value)}
          >
            {adding.value ? "Back to the members" : "Add a member"}
          </button>
        )}
        <ConfirmButton
          class="button button-quiet"
          label="Leave the group"
          question="Really leave?"
          disabled={busy.value}
          confirm={() => void submit(() => leave(id))}
        />
      </footer>
    </dialog>
  );
}

interface MemberRowProps {
  member: Member;
  removable: boolean;
  busy: boolean;
  remove(): void;
}

function MemberRow({ member, removable, busy, remove }: MemberRowProps) {
  const name = nameOf(member);
  const about = [`@${member.username}`, member.role, presenceOf(member)];
  return (
    <li class="person" data-testid="member">
      <Avatar id={member.id} name={name} small online={isOnline(member)} />
      <span class="person-name">
        <span>
          <bdi>{name}</bdi>
          {member.id === me.value?.id && " (you)"}
        </span>
        <bdi class="person-handle">
          {about.filter((part) => part !== "" && part !== "member").join(" · ")}
        </bdi>
      </span>
      {removable && (
        <span class="person-action">
          <ConfirmButton
            class="link"
            label={
              <>
                Remove <bdi>{name}</bdi>
              </>
            }
            question={
              <>
                Really remove <bdi>{name}</bdi>?
              </>
            }
            disabled={busy}
            confirm={remove}
          />
        </span>
      )}
    </li>
  );
}
