import { AccessLogFormat } from "aws-cdk-lib/aws-apigateway";
import {
  CfnStage,
  CorsHttpMethod,
  DomainName,
  HttpApi,
  HttpIntegrationType,
  type HttpMethod,
  HttpNoneAuthorizer,
  HttpRoute,
  HttpRouteIntegration,
  type HttpRouteIntegrationBindOptions,
  type HttpRouteIntegrationConfig,
  HttpStage,
  LogGroupLogDestination,
  PayloadFormatVersion,
} from "aws-cdk-lib/aws-apigatewayv2";
import { HttpJwtAuthorizer } from "aws-cdk-lib/aws-apigatewayv2-authorizers";
import { Certificate } from "aws-cdk-lib/aws-certificatemanager";
import { ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import { Duration, Validations } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import type { Stage } from "../stages.ts";
import { operationsRemovalPolicy } from "./removal-policy.ts";
import type { RequestFunction } from "./request-function.ts";

/** Longer than the function's own, so that it is the function that says what went wrong. */
const integrationTimeoutSeconds = (functionSeconds: number) => functionSeconds + 3;

/** Hands a route's requests to its function, which the API may invoke for that route and no other. */
class FunctionIntegration extends HttpRouteIntegration {
  readonly #target: RequestFunction;

  constructor(id: string, target: RequestFunction) {
    super(id);
    this.#target = target;
  }

  override bind(): HttpRouteIntegrationConfig {
    return {
      type: HttpIntegrationType.AWS_PROXY,
      uri: this.#target.lambda.functionArn,
      payloadFormatVersion: PayloadFormatVersion.VERSION_2_0,
      timeout: Duration.seconds(integrationTimeoutSeconds(this.#target.timeoutSeconds)),
    };
  }

  protected override completeBind({ route }: HttpRouteIntegrationBindOptions): void {
    if (!(route instanceof HttpRoute)) return;
    this.#target.lambda.addPermission(`Invoke ${route.node.id}`, {
      scope: route,
      principal: new ServicePrincipal("apigateway.amazonaws.com"),
      sourceArn: route.routeArn,
    });
  }
}

/**
 * What one line of the access log holds. Never a path, a query, a header or an address: they name
 * people and what they do.
 *
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
 */
const accessLogFormat = {
  requestId: "$context.requestId",
  routeKey: "$context.routeKey",
  status: "$context.status",
  latencyMs: "$context.responseLatency",
  integrationLatencyMs: "$context.integrationLatency",
  integrationStatus: "$context.integrationStatus",
  integrationError: "$context.integrationErrorMessage",
  gatewayError: "$context.error.responseType",
  gatewayMessage: "$context.error.message",
  /** Why a token of the product was refused. */
  authorizerError: "$context.authorizer.error",
};

export interface PublicApiProps {
  readonly stage: Stage;
  /** Encrypts the access log. */
  readonly logKey: IKey;
}

/** The HTTP API: the product's sign-in on every route that is not said to be public. */
export class PublicApi extends Construct {
  readonly api: HttpApi;
  readonly accessLog: LogGroup;
  /** Where people reach it, without a slash at the end. */
  readonly url: string;
  /** What the custom domain's DNS record must point at. */
  readonly domainTarget: string | undefined;
  readonly #signedIn: HttpJwtAuthorizer;
  readonly #apiStage: CfnStage;

  constructor(scope: Construct, id: string, { stage, logKey }: PublicApiProps) {
    super(scope, id);
    const { product, customDomain, throttling } = stage;
    const domain =
      customDomain &&
      new DomainName(this, "Domain", {
        domainName: customDomain.name,
        certificate: Certificate.fromCertificateArn(
          this,
          "Certificate",
          customDomain.certificateArn,
        ),
      });
    this.domainTarget = domain?.regionalDomainName;
    this.api = new HttpApi(this, "Api", {
      apiName: `outlook-connect-${stage.name}`,
      createDefaultStage: false,
      // Two doors would be two sets of rules.
      disableExecuteApiEndpoint: domain !== undefined,
      corsPreflight: {
        allowOrigins: [...product.origins],
        allowMethods: [CorsHttpMethod.GET, CorsHttpMethod.POST, CorsHttpMethod.DELETE],
        allowHeaders: ["Authorization", "Content-Type"],
        maxAge: Duration.hours(1),
      },
    });
    this.url =
      stage.publicUrl ?? (customDomain ? `https://${customDomain.name}` : this.api.apiEndpoint);
    this.#signedIn = new HttpJwtAuthorizer("ProductSignIn", product.issuer, {
      jwtAudience: [product.audience],
      identitySource: ["$request.header.Authorization"],
    });
    this.accessLog = new LogGroup(this, "AccessLog", {
      // CloudWatch's own prefix for logs that services deliver.
      logGroupName: `/aws/vendedlogs/outlook-connect-${stage.name}-api`,
      retention: stage.logRetentionDays satisfies RetentionDays,
      encryptionKey: logKey,
      removalPolicy: operationsRemovalPolicy(stage),
    });
    const apiStage = new HttpStage(this, "Stage", {
      httpApi: this.api,
      stageName: "$default",
      autoDeploy: true,
      throttle: { rateLimit: throttling.all.rate, burstLimit: throttling.all.burst },
      detailedMetricsEnabled: true,
      accessLogSettings: {
        destination: new LogGroupLogDestination(this.accessLog),
        format: AccessLogFormat.custom(JSON.stringify(accessLogFormat)),
      },
      ...(domain && { domainMapping: { domainName: domain } }),
    });
    const cfnStage = apiStage.node.defaultChild;
    if (!(cfnStage instanceof CfnStage)) throw new Error("An HTTP stage is one resource.");
    this.#apiStage = cfnStage;
  }

  /** A route for people signed in to the product. */
  route(method: HttpMethod, path: string, target: RequestFunction): void {
    this.#add(method, path, target, this.#signedIn);
  }

  /** A route for anybody, with a throttle of its own. */
  publicRoute(
    method: HttpMethod,
    path: string,
    target: RequestFunction,
    throttle: Stage["throttling"]["callback"],
    /** Why it asks for no sign-in of the product, as what follows its name. */
    reason: string,
  ): void {
    const route = this.#add(method, path, target, new HttpNoneAuthorizer());
    const key = `${method} ${path}`;
    Validations.of(route).acknowledge({
      id: "AwsSolutions-APIG4",
      reason: `${key} ${reason}`,
    });
    // Keys of `RouteSettings` are route keys, so the CDK passes on whatever stands below them.
    this.#apiStage.addPropertyOverride(`RouteSettings.${key}`, {
      ThrottlingRateLimit: throttle.rate,
      ThrottlingBurstLimit: throttle.burst,
      DetailedMetricsEnabled: true,
    });
    // API Gateway refuses settings for a route that is not there yet.
    this.#apiStage.node.addDependency(route);
  }

  #add(
    method: HttpMethod,
    path: string,
    target: RequestFunction,
    authorizer: HttpJwtAuthorizer | HttpNoneAuthorizer,
  ): HttpRoute {
    const [route] = this.api.addRoutes({
      path,
      methods: [method],
      integration: new FunctionIntegration(`${method}${path}`, target),
      authorizer,
    });
    if (!route) throw new Error(`${method} ${path} was not added.`);
    return route;
  }
}
