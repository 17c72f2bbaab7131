/** `*` stands for any characters, `?` for one. */
const matches = (pattern: string, text: string, flags = ""): boolean => {
  const parts = pattern.split(/([*?])/).map((part) => {
    if (part === "*") return ".*";
    return part === "?" ? "." : part.replace(/[\\^$.|+()[\]{}]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`, `s${flags}`).test(text);
};

/** Actions are compared without regard to case. IAM User Guide, "IAM JSON policy elements: Action" */
export const matchesAction = (pattern: string, action: string): boolean =>
  matches(pattern, action, "i");

/** The resource of an ARN may hold colons; the five fields before it may not. */
const fieldsOf = (arn: string): readonly string[] => {
  const fields = arn.split(":");
  return fields.length <= 6 ? fields : [...fields.slice(0, 5), fields.slice(5).join(":")];
};

/**
 * Field by field: a wildcard does not reach beyond its own. Fields missing at the end of a pattern match
 * everything. IAM User Guide, "IAM JSON policy elements: Resource"
 */
export const matchesArn = (pattern: string, arn: string): boolean => {
  if (pattern === "*") return true;
  const wanted = fieldsOf(pattern);
  const given = fieldsOf(arn);
  return given.length === 6 && given.every((field, index) => matches(wanted[index] ?? "*", field));
};
