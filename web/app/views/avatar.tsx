import { initialsOf } from "../state/naming";

const HUES = 8;

/** Initials on a colour of their own; decoration beside a name. */
export function Avatar(props: {
  id: number;
  name: string;
  group?: boolean;
  small?: boolean;
  online?: boolean;
}) {
  const hue = (props.id * 5 + (props.group ? 3 : 0)) % HUES;
  const shape = props.group ? " avatar-group" : "";
  return (
    <span
      class={`avatar avatar-${hue}${shape}${props.small ? " avatar-small" : ""}`}
      aria-hidden="true"
    >
      {initialsOf(props.name)}
      {props.online && <span class="avatar-dot" />}
    </span>
  );
}
