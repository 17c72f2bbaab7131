import {
  AttributeType,
  BillingMode,
  ProjectionType,
  Table,
  TableEncryption,
} from "aws-cdk-lib/aws-dynamodb";
import { type IGrantable, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { RemovalPolicy } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import type { Stage } from "../stages.ts";
import type { DataKey } from "./data-key.ts";
import { nameInTemplate } from "./logical-id.ts";

export interface KeptTableProps {
  readonly key: DataKey;
  readonly stage: Stage;
  /** @default `id` alone */
  readonly keys?: { readonly partition: string; readonly sort: string };
  readonly indexes?: readonly TableIndex[];
}

/** String attributes by which an index finds items and sorts them. */
export interface TableIndex {
  readonly name: string;
  readonly by: string;
  readonly sortedBy: string;
  /** Other attributes that it holds. @default all */
  readonly holds?: readonly string[];
}

/** A table of items with string keys, which expire at `deleteAt` and are otherwise never lost. */
export class KeptTable extends Construct {
  readonly tableName: string;
  readonly #table: Table;
  readonly #key: DataKey;

  constructor(scope: Construct, id: string, { key, stage, keys, indexes = [] }: KeptTableProps) {
    super(scope, id);
    const { tableCeiling, removalProtection } = stage;
    this.#key = key;
    this.#table = new Table(this, "Table", {
      partitionKey: { name: keys?.partition ?? "id", type: AttributeType.STRING },
      ...(keys && { sortKey: { name: keys.sort, type: AttributeType.STRING } }),
      // Cleans up, days late at times; the code compares times itself.
      timeToLiveAttribute: "deleteAt",
      billingMode: BillingMode.PAY_PER_REQUEST,
      maxReadRequestUnits: tableCeiling.reads,
      maxWriteRequestUnits: tableCeiling.writes,
      encryption: TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: key,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: removalProtection,
      removalPolicy: removalProtection ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    for (const index of indexes) {
      this.#table.addGlobalSecondaryIndex({
        indexName: index.name,
        partitionKey: { name: index.by, type: AttributeType.STRING },
        sortKey: { name: index.sortedBy, type: AttributeType.STRING },
        ...(index.holds
          ? { projectionType: ProjectionType.INCLUDE, nonKeyAttributes: [...index.holds] }
          : { projectionType: ProjectionType.ALL }),
        maxReadRequestUnits: tableCeiling.reads,
        maxWriteRequestUnits: tableCeiling.writes,
      });
    }
    nameInTemplate(this.#table, id);
    this.tableName = this.#table.tableName;
  }

  /** Exactly these actions, on items only. */
  grant(grantee: IGrantable, ...actions: string[]): void {
    this.#allow(grantee, actions, this.#table.tableArn);
  }

  grantQuery(grantee: IGrantable, index: string): void {
    this.#allow(grantee, ["dynamodb:Query"], `${this.#table.tableArn}/index/${index}`);
  }

  #allow(grantee: IGrantable, actions: string[], resource: string) {
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({ actions, resources: [resource] }),
    );
    // DynamoDB opens the table's own key with the permissions of whoever calls it.
    this.#key.grantThrough("dynamodb", grantee, "kms:Decrypt");
  }
}
